-- Version 1. Everything's identity is (ledger.id, integer). Texts that a person or a model wrote are blobs, so that
-- removing a client can erase them while ids, hashes, money and decisions stay. Money of agents is in picodollars.

CREATE TABLE ledger (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  id      TEXT NOT NULL,                 -- made once, never changed
  created TEXT NOT NULL
) STRICT;

-- The journal: `body` are the exact bytes that were hashed (they name the hash before them), `format` how to read them.
CREATE TABLE event (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  format INTEGER NOT NULL,
  body   BLOB NOT NULL,
  hash   TEXT NOT NULL
) STRICT;

CREATE TABLE blob (
  sha256 TEXT PRIMARY KEY,
  size   INTEGER NOT NULL,
  data   BLOB                            -- NULL once erased
) STRICT;

CREATE TABLE blob_client (
  sha256 TEXT NOT NULL REFERENCES blob (sha256),
  client INTEGER NOT NULL REFERENCES client (id),
  gig    INTEGER NOT NULL,               -- 0: of the client itself
  PRIMARY KEY (sha256, client, gig)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_client_gig ON blob_client (client, gig);

CREATE TABLE client (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  slug     TEXT NOT NULL UNIQUE,
  name     TEXT REFERENCES blob (sha256),
  currency TEXT NOT NULL,
  policy   TEXT NOT NULL,                -- any, local-only, only:AGENT,AGENT
  style    TEXT REFERENCES blob (sha256),
  glossary TEXT REFERENCES blob (sha256),
  rate     INTEGER,                      -- minor units an hour
  next_gig INTEGER NOT NULL DEFAULT 1,   -- numbers are never reused
  created  TEXT NOT NULL,
  removed  TEXT
) STRICT;

CREATE TABLE gig (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  client          INTEGER NOT NULL REFERENCES client (id),
  number          INTEGER NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('open', 'closed')),
  craft           TEXT NOT NULL,
  title           TEXT REFERENCES blob (sha256),
  brief           TEXT REFERENCES blob (sha256),
  settings        TEXT REFERENCES blob (sha256),   -- JSON: options and checks as the user gave them
  wishes          TEXT REFERENCES blob (sha256),   -- JSON: its tasks as a gig's file named them, read to write it back
  source_language TEXT NOT NULL DEFAULT '',
  targets         TEXT NOT NULL DEFAULT '[]',      -- JSON list of languages
  repository      TEXT REFERENCES blob (sha256),   -- the client's path
  base_commit     TEXT,
  base_tree       TEXT,
  price           INTEGER,                         -- minor units of `currency`
  currency        TEXT NOT NULL,
  due             TEXT,
  budget          INTEGER,                         -- picodollars
  agents          TEXT NOT NULL DEFAULT '[]',      -- JSON: the chain that `run` takes without -a
  next_task       INTEGER NOT NULL DEFAULT 1,
  spent           INTEGER NOT NULL DEFAULT 0,      -- settled and unknown, picodollars
  reserved        INTEGER NOT NULL DEFAULT 0,      -- in flight
  created         TEXT NOT NULL,
  removed         TEXT,
  UNIQUE (client, number)
) STRICT;

-- A client's file; a newer version of the same name supersedes it.
CREATE TABLE source (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  gig     INTEGER NOT NULL REFERENCES gig (id),
  name    TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  sha256  TEXT NOT NULL REFERENCES blob (sha256),
  created TEXT NOT NULL,
  UNIQUE (gig, name, version)
) STRICT;

CREATE TABLE task (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  gig           INTEGER NOT NULL REFERENCES gig (id),
  number        INTEGER NOT NULL,        -- never reused, and says nothing of order
  position      INTEGER NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('blocked', 'ready', 'review', 'signed', 'failed', 'cancelled')),
  craft         TEXT NOT NULL,
  name          TEXT NOT NULL DEFAULT '',
  language      TEXT NOT NULL DEFAULT '',
  source        INTEGER REFERENCES source (id),
  place         TEXT NOT NULL DEFAULT '{}',           -- JSON: where its signed text goes back
  context       TEXT REFERENCES blob (sha256),        -- JSON: the craft's own
  brief         TEXT REFERENCES blob (sha256),
  agents        TEXT,                                 -- JSON: its own chain, NULL: the gig's
  current       INTEGER REFERENCES revision (id),
  signed        INTEGER REFERENCES decision (id),
  held_until    TEXT,
  next_revision INTEGER NOT NULL DEFAULT 1,
  created       TEXT NOT NULL,
  UNIQUE (gig, number)
) STRICT;
CREATE INDEX task_order ON task (gig, position, id);
CREATE INDEX task_waiting ON task (state, id) WHERE state IN ('review', 'failed', 'ready', 'blocked');

CREATE TABLE task_need (
  task  INTEGER NOT NULL REFERENCES task (id),
  needs INTEGER NOT NULL REFERENCES task (id),
  kind  TEXT NOT NULL CHECK (kind IN ('after', 'source')),
  PRIMARY KEY (task, needs, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_need_of ON task_need (needs);

-- One version of what a task is asked to work on: `hash` is that of its content's text, `text` the blob where it is one.
CREATE TABLE task_input (
  task    INTEGER NOT NULL REFERENCES task (id),
  n       INTEGER NOT NULL,
  hash    TEXT NOT NULL,
  base    TEXT,
  text    TEXT REFERENCES blob (sha256),
  created TEXT NOT NULL,
  PRIMARY KEY (task, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  begun    TEXT NOT NULL,
  ended    TEXT,
  max_cost INTEGER,
  spent    INTEGER NOT NULL DEFAULT 0,
  reserved INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX run_alive ON run (id) WHERE ended IS NULL;

CREATE TABLE round (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  task          INTEGER NOT NULL REFERENCES task (id),
  n             INTEGER NOT NULL,
  input         INTEGER NOT NULL,
  agents        TEXT NOT NULL,           -- JSON list: the chain; with wanted = 'all', one a slot
  wanted        TEXT NOT NULL CHECK (wanted IN ('first', 'all')),
  repairs       INTEGER NOT NULL,
  max_cost_each INTEGER,
  open          INTEGER NOT NULL DEFAULT 1,
  created       TEXT NOT NULL,
  UNIQUE (task, n),
  FOREIGN KEY (task, input) REFERENCES task_input (task, n)
) STRICT;
CREATE UNIQUE INDEX round_open ON round (task) WHERE open = 1;

CREATE TABLE round_note (
  round INTEGER NOT NULL REFERENCES round (id),
  n     INTEGER NOT NULL,
  note  TEXT NOT NULL REFERENCES blob (sha256),
  PRIMARY KEY (round, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  task  INTEGER NOT NULL REFERENCES task (id),
  round INTEGER NOT NULL REFERENCES round (id),
  n     INTEGER NOT NULL,
  run   INTEGER REFERENCES run (id),     -- the lease
  UNIQUE (task, round, n)
) STRICT;
CREATE INDEX slot_round ON slot (round);
CREATE INDEX slot_leased ON slot (run) WHERE run IS NOT NULL;

CREATE TABLE agent_version (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  name    TEXT NOT NULL,
  sha256  TEXT NOT NULL,                 -- of what shapes its answers
  created TEXT NOT NULL,
  UNIQUE (name, sha256)
) STRICT;

CREATE TABLE agent_limit (
  name         TEXT PRIMARY KEY,
  requests_at  INTEGER NOT NULL DEFAULT 0,  -- GCRA's theoretical arrival times, microseconds since the epoch
  tokens_at    INTEGER NOT NULL DEFAULT 0,
  open_until   INTEGER NOT NULL DEFAULT 0,  -- the breaker
  failures     INTEGER NOT NULL DEFAULT 0,  -- in a row
  overspent    TEXT                         -- when a settlement was above its reservation
) STRICT;

CREATE TABLE request (
  sha256  TEXT PRIMARY KEY,
  parts   TEXT NOT NULL,                 -- JSON: [[role, blob], …] in the order sent
  options TEXT NOT NULL                  -- JSON: output limit, temperature, seed, schema
) STRICT;

-- One call. `outcome` is NULL while it is in flight.
CREATE TABLE attempt (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  run           INTEGER NOT NULL REFERENCES run (id),
  client        INTEGER NOT NULL REFERENCES client (id),
  gig           INTEGER NOT NULL REFERENCES gig (id),
  agent         TEXT NOT NULL,
  agent_version INTEGER NOT NULL REFERENCES agent_version (id),
  request       TEXT NOT NULL REFERENCES request (sha256),
  sample        INTEGER NOT NULL DEFAULT 0,
  mends         INTEGER REFERENCES attempt (id),   -- whose draft, or unreadable answer, it is to mend
  reserved      INTEGER,                 -- NULL: the price is unknown; 0: free
  cost          INTEGER,                 -- NULL while in flight or unknown
  outcome       TEXT,
  reason        TEXT REFERENCES blob (sha256),
  answer        TEXT REFERENCES blob (sha256),
  model         TEXT NOT NULL DEFAULT '',
  tokens_in     INTEGER,
  tokens_out    INTEGER,
  tokens_cached INTEGER,
  seconds       REAL,
  begun         TEXT NOT NULL,
  settled       TEXT
) STRICT;
CREATE INDEX attempt_in_flight ON attempt (agent, run) WHERE outcome IS NULL;
CREATE INDEX attempt_answered ON attempt (client, agent_version, request, sample) WHERE outcome = 'draft';
CREATE INDEX attempt_gig ON attempt (gig, agent, cost, reserved);

CREATE TABLE attempt_slot (
  slot    INTEGER NOT NULL REFERENCES slot (id),
  attempt INTEGER NOT NULL REFERENCES attempt (id),
  PRIMARY KEY (slot, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_slot_of ON attempt_slot (attempt);

CREATE TABLE revision (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  task     INTEGER NOT NULL REFERENCES task (id),
  number   INTEGER NOT NULL,
  input    INTEGER NOT NULL,
  sha256   TEXT NOT NULL,
  base     TEXT,
  made_by  TEXT NOT NULL CHECK (made_by IN ('agent', 'human', 'memory')),
  attempt  INTEGER REFERENCES attempt (id),
  parent   INTEGER REFERENCES revision (id),
  rejected INTEGER REFERENCES decision (id),
  seconds  REAL,                         -- what a human took
  assessed TEXT,                         -- when its checks were run; NULL: not yet
  created  TEXT NOT NULL,
  event    INTEGER NOT NULL REFERENCES event (id),
  UNIQUE (task, number),
  FOREIGN KEY (task, input) REFERENCES task_input (task, n)
) STRICT;
CREATE INDEX revision_attempt ON revision (attempt) WHERE attempt IS NOT NULL;

CREATE TABLE revision_file (
  revision INTEGER NOT NULL REFERENCES revision (id),
  path     TEXT NOT NULL,                -- C-quoted, as in the revision's text
  mode     TEXT NOT NULL,
  sha256   TEXT REFERENCES blob (sha256),
  PRIMARY KEY (revision, path)
) STRICT, WITHOUT ROWID;

-- A verdict on the same bytes by the same rule is never computed twice.
CREATE TABLE verdict (
  fingerprint TEXT PRIMARY KEY,
  outcome     TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'error', 'skip')),
  evidence    TEXT REFERENCES blob (sha256),
  seconds     REAL NOT NULL,
  unsandboxed INTEGER NOT NULL DEFAULT 0,
  created     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revision_verdict (
  revision    INTEGER NOT NULL REFERENCES revision (id),
  name        TEXT NOT NULL,
  n           INTEGER NOT NULL,
  required    INTEGER NOT NULL,
  fingerprint TEXT NOT NULL REFERENCES verdict (fingerprint),
  PRIMARY KEY (revision, name)
) STRICT, WITHOUT ROWID;

-- What the human said. A signature binds what stands in the `signed_` columns; `voided` says when that ended.
CREATE TABLE decision (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  task            INTEGER NOT NULL REFERENCES task (id),
  revision        INTEGER REFERENCES revision (id),
  part            TEXT,
  kind            TEXT NOT NULL CHECK (kind IN ('sign', 'reject', 'redo', 'prefer', 'reopen')),
  note            TEXT REFERENCES blob (sha256),
  actor           TEXT NOT NULL,
  at              TEXT NOT NULL,
  signed_input    TEXT,
  signed_revision TEXT,
  signed_checks   TEXT,                  -- JSON: [[name, outcome, required, fingerprint, unsandboxed], …]
  despite         TEXT REFERENCES blob (sha256),
  carried_from    INTEGER REFERENCES decision (id),
  signer          TEXT,                  -- fingerprint of an SSH key
  signature       TEXT REFERENCES blob (sha256),
  voided          TEXT,
  event           INTEGER NOT NULL REFERENCES event (id)
) STRICT;
CREATE INDEX decision_task ON decision (task);

CREATE TABLE decision_over (
  decision INTEGER NOT NULL REFERENCES decision (id),
  revision INTEGER NOT NULL REFERENCES revision (id),
  PRIMARY KEY (decision, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  gig      INTEGER NOT NULL REFERENCES gig (id),
  form     TEXT NOT NULL,
  manifest TEXT NOT NULL REFERENCES blob (sha256),
  partial  INTEGER NOT NULL,
  at       TEXT NOT NULL,
  event    INTEGER NOT NULL REFERENCES event (id)
) STRICT;
CREATE INDEX delivery_gig ON delivery (gig);

CREATE TABLE delivery_task (
  delivery INTEGER NOT NULL REFERENCES delivery (id),
  task     INTEGER NOT NULL REFERENCES task (id),
  decision INTEGER NOT NULL REFERENCES decision (id),
  PRIMARY KEY (delivery, task)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_task_of ON delivery_task (task);
