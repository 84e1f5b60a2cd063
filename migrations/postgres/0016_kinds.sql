-- Jobs are claimed kind by kind, each along its own stretch of the index.
DROP INDEX job_due;
CREATE INDEX job_due ON job (kind, state, run_at, id);

-- Few among very many: those that run, whose leases are looked at all the time, and those that stand aside.
CREATE INDEX job_running ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_failed ON job (id) WHERE state = 'failed';

-- Room is made among them at every webhook that does not verify.
CREATE INDEX journal_entry_quarantined ON journal_entry (account_id, received_at, id) WHERE state = 'quarantined';
