-- What is written to find out whether the database takes anything now: a disk that is full reads as well as ever.
CREATE TABLE readiness_trial (
    id INTEGER PRIMARY KEY,
    filling BLOB NOT NULL
) STRICT;
