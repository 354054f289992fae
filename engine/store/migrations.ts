/**
 * The schema, as numbered migrations. A migration that has been released is never edited; a new need is a new number.
 *
 * One log belongs to one author and one topic, since the log id is the hash of the topic (spec/node.md 2.3). Ids are
 * 32-byte blobs, 64-bit values 8-byte big-endian blobs. Two orders stand on `operations`: `position` is the order of
 * ingest over all topics, `place` the order of release within a topic; streams read by one of them.
 */

import { ThicketError } from '../core/index.js'
import type { Database } from '../ports.js'
import { STORE_APPLICATION_ID } from './identity.js'

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE topics (
    topic INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    log_id BLOB NOT NULL UNIQUE,
    last_place INTEGER NOT NULL DEFAULT 0,
    held_bytes INTEGER NOT NULL DEFAULT 0
  );
  -- height, tip and timestamp are those of the newest stored operation; null while nothing is stored.
  CREATE TABLE logs (
    log INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics,
    author BLOB NOT NULL,
    height INTEGER,
    tip BLOB,
    timestamp BLOB,
    held INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, author)
  );
  CREATE TABLE operations (
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    topic INTEGER NOT NULL,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    place INTEGER,
    header BLOB NOT NULL,
    body BLOB
  );
  CREATE UNIQUE INDEX operations_by_id ON operations (id);
  CREATE UNIQUE INDEX operations_by_seq ON operations (log, seq);
  -- The row id is the last column of every index: this one is the order of ingest of a topic.
  CREATE INDEX operations_by_topic ON operations (topic);
  CREATE UNIQUE INDEX operations_by_place ON operations (topic, place) WHERE place IS NOT NULL;
  -- Verified operations that came before their predecessor.
  CREATE TABLE held (
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    topic INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    header BLOB NOT NULL,
    body BLOB,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (log, seq)
  );
  CREATE TABLE consumers (
    consumer INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topics,
    name TEXT NOT NULL UNIQUE
  );
  CREATE TABLE marks (
    consumer INTEGER NOT NULL,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (consumer, log)
  ) WITHOUT ROWID;
  -- Below the mark, and yet not acknowledged.
  CREATE TABLE exceptions (
    consumer INTEGER NOT NULL,
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (consumer, log, seq)
  ) WITHOUT ROWID;
  CREATE TABLE forks (
    log INTEGER NOT NULL,
    conflicting_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    known BLOB NOT NULL,
    conflicting BLOB NOT NULL,
    PRIMARY KEY (log, conflicting_id)
  ) WITHOUT ROWID;
  `,
  `
  -- Operations that wait for what they name; missing counts their edges, and 0 means: release me.
  CREATE TABLE waiting (
    position INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
  );
  ALTER TABLE topics ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX waiting_by_topic ON waiting (topic);
  CREATE INDEX waiting_ready ON waiting (position) WHERE missing = 0;
  CREATE TABLE edges (
    dependency BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (dependency, position)
  ) WITHOUT ROWID;
  CREATE INDEX edges_by_position ON edges (position);
  -- What operations were released without.
  CREATE TABLE waived (
    dependency BLOB NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (dependency, position)
  ) WITHOUT ROWID;
  CREATE INDEX waived_by_position ON waived (position);
  CREATE INDEX forks_by_conflicting ON forks (conflicting_id);
  -- Released, and named by nothing that is released.
  CREATE TABLE frontier (
    topic INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (topic, id)
  ) WITHOUT ROWID;
  -- Ids of operations that were pruned here; the newest of them.
  CREATE TABLE pruned (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE
  );
  -- What a node of the schema before has stored is released; the tips of its logs are what its frontier must name.
  INSERT INTO frontier (topic, id) SELECT topic, tip FROM logs WHERE tip IS NOT NULL;
  `,
  `
  -- What discovery knows of other nodes, for each kind of transport apart; the record is its own notation.
  CREATE TABLE addresses (
    kind TEXT NOT NULL,
    node BLOB NOT NULL,
    bootstrap INTEGER NOT NULL,
    record BLOB,
    failures INTEGER NOT NULL,
    last_failed BLOB,
    last_succeeded BLOB,
    updated BLOB NOT NULL,
    PRIMARY KEY (kind, node)
  ) WITHOUT ROWID;
  `,
]

/** Brings a database to the newest schema, each step in a transaction of its own; refuses what is not ours. */
export function migrate(database: Database): void {
  const applicationId = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get<{ count: number }>()?.count ?? 0
  if (applicationId !== STORE_APPLICATION_ID && (applicationId !== 0 || tables > 0)) {
    throw new ThicketError('database-foreign', 'the database belongs to another application', { applicationId })
  }
  if (version > MIGRATIONS.length) {
    throw new ThicketError(
      'database-too-new',
      `the database has schema ${version}, this version knows ${MIGRATIONS.length}`,
      {
        version,
        known: MIGRATIONS.length,
      },
    )
  }
  for (let number = version; number < MIGRATIONS.length; number++) {
    database.exec('BEGIN IMMEDIATE')
    try {
      database.exec(MIGRATIONS[number]!)
      database.exec(`PRAGMA application_id = ${STORE_APPLICATION_ID}`)
      database.exec(`PRAGMA user_version = ${number + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      if (database.inTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}

function pragma(database: Database, name: string): number {
  const row = database.prepare(`PRAGMA ${name}`).get<Record<string, number>>()
  return row?.[name] ?? 0
}
