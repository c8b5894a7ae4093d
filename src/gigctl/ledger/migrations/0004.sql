-- Version 4. What the rows of a batch's file say, so that a delivery can have the signed texts beside them.

-- A file as it was read: `key` is the hash of its path (of standard input: of the run), `head` JSON, its columns and
-- dialect. Another head is another file.
CREATE TABLE job_file (
  id   INTEGER PRIMARY KEY,
  gig  INTEGER NOT NULL REFERENCES gig (id),
  key  TEXT NOT NULL,
  head TEXT NOT NULL REFERENCES blob (sha256),
  UNIQUE (gig, key, head)
) STRICT;

-- Rows that were read together: `rows` is JSON, by a mark (the beginning of its hash) what a row says. A content of its
-- own for each row would be two rows of the ledger more a job.
CREATE TABLE job_page (
  id   INTEGER PRIMARY KEY,
  file INTEGER NOT NULL REFERENCES job_file (id),
  rows TEXT NOT NULL REFERENCES blob (sha256),
  UNIQUE (file, rows)
) STRICT;

-- Where what a row says is kept, and its line in the file as it was last read. NULL before it was read by this version.
ALTER TABLE job ADD COLUMN page INTEGER REFERENCES job_page (id);
ALTER TABLE job ADD COLUMN mark INTEGER;
ALTER TABLE job ADD COLUMN line INTEGER;
