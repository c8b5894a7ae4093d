-- Version 3: batches. A job is a task that a row of a file asks for; what the row says of it belongs to its input.

-- The gig of a batch, found again by the file's path or the name that it was given (its hash: it is a client's word).
CREATE TABLE batch (
  client INTEGER NOT NULL REFERENCES client (id),
  key    TEXT NOT NULL,
  gig    INTEGER NOT NULL REFERENCES gig (id),
  PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;

-- `key` is the hash of the row's id, `seen` the run that last read the row: two rows of one id, and rows that are gone.
CREATE TABLE job (
  gig  INTEGER NOT NULL REFERENCES gig (id),
  key  TEXT NOT NULL,
  task INTEGER NOT NULL UNIQUE REFERENCES task (id),
  seen INTEGER NOT NULL REFERENCES run (id),
  PRIMARY KEY (gig, key)
) STRICT, WITHOUT ROWID;

-- A version of a task's input may have a brief, and options and checks (JSON), of its own: its hash is theirs too.
ALTER TABLE task_input ADD COLUMN brief TEXT REFERENCES blob (sha256);
ALTER TABLE task_input ADD COLUMN settings TEXT REFERENCES blob (sha256);

-- What is asked for afresh is never served from the answers of before.
ALTER TABLE round ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
-- The attempt whose answer was served again, at no cost.
ALTER TABLE attempt ADD COLUMN cached_from INTEGER REFERENCES attempt (id);
-- Who is asked the very same again: the call in flight, or its answer. One index for both, written once a call.
DROP INDEX attempt_answered;
CREATE INDEX attempt_asked ON attempt (request, agent_version, client, sample);

-- Only `remove` looked for a gig's contents, which writes the whole file anew anyway; each content paid for it.
DROP INDEX blob_client_gig;
