-- What the runs of a job came to that did not finish it. `attempts` counts its claims, whatever came of them: the
-- newest number names who holds the lease.

-- Put off by the job itself: what it needs is not there yet.
ALTER TABLE job ADD COLUMN waits BIGINT NOT NULL DEFAULT 0;
-- The database or the blob store could not be reached, this often in a row. Never a reason to set a job aside.
ALTER TABLE job ADD COLUMN outages BIGINT NOT NULL DEFAULT 0;
-- Ended in another error of ours; after too many, the job is set aside.
ALTER TABLE job ADD COLUMN errors BIGINT NOT NULL DEFAULT 0;

-- There are few of them among very many, and they are counted for /metrics.
CREATE INDEX journal_entry_poisoned ON journal_entry (received_at) WHERE state = 'poisoned';
