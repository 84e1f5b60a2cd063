-- Work that recurs, and when it is due next. Whoever moves `due_at` on has the occurrence and runs it; of several
-- processes, one does.
CREATE TABLE schedule (
    name TEXT PRIMARY KEY,
    due_at BIGINT NOT NULL
);
