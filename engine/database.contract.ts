/**
 * Goal: every body of the Database port behaves alike, so that a store that works on one works on all.
 * Method: a contract, run by each body's own test, of what the port promises and of what the engine relies on in SQLite:
 * types of values, results, error codes, transactions, cached statements, and the end of a connection.
 */

import { describe, expect, it } from 'vitest'
import { isThicketError } from './core/index.js'
import { type Database, DatabaseDead, type SqlValue } from './ports.js'

/** @param makeDatabase opens a fresh, empty database */
export function databaseContract(name: string, makeDatabase: () => Database): void {
  const within = (work: (database: Database) => void) => () => {
    const database = makeDatabase()
    try {
      work(database)
    } finally {
      database.close()
    }
  }

  describe(`${name} satisfies the Database port`, () => {
    describe('values', () => {
      it.each<[string, SqlValue, string]>([
        ['zero', 0, 'integer'],
        ['a negative integer', -5, 'integer'],
        ['the largest 32-bit integer', 2 ** 31 - 1, 'integer'],
        ['one past it', 2 ** 31, 'integer'],
        ['the smallest 32-bit integer', -(2 ** 31), 'integer'],
        ['one below it', -(2 ** 31) - 1, 'integer'],
        ['the largest safe integer', Number.MAX_SAFE_INTEGER, 'integer'],
        ['the smallest safe integer', Number.MIN_SAFE_INTEGER, 'integer'],
        ['a number past the safe integers', 2 ** 60, 'real'],
        ['a fraction', 1.5, 'real'],
        ['a text', 'panda', 'text'],
        ['an empty text', '', 'text'],
        ['a text with a zero', 'a\0b', 'text'],
        ['a text of all planes', 'ä€😀'.repeat(40), 'text'],
        ['a long text', 'x'.repeat(100_000), 'text'],
        ['a blob', new Uint8Array([0, 1, 255]), 'blob'],
        ['an empty blob', new Uint8Array(0), 'blob'],
        ['a large blob', new Uint8Array(70_000).fill(7), 'blob'],
        ['null', null, 'null'],
      ])('%s comes back as it went in', (_, value, type) => {
        within(database => {
          expect(database.prepare('SELECT ? AS value').get(value)).toStrictEqual({ value })
          expect(database.prepare('SELECT typeof(?) AS type').get(value)).toStrictEqual({ type })
        })()
      })

      it(
        'a blob is a plain Uint8Array of its own',
        within(database => {
          const given = new Uint8Array([1, 2, 3])
          database.exec('CREATE TABLE t (a BLOB)')
          database.prepare('INSERT INTO t VALUES (?)').run(given)
          given.fill(9)
          const read = () => database.prepare('SELECT a FROM t').get<{ a: Uint8Array }>()!.a
          const blob = read()
          expect(Object.getPrototypeOf(blob)).toBe(Uint8Array.prototype)
          blob[0] = 77
          expect([...read()]).toEqual([1, 2, 3])
        }),
      )

      it(
        'a view into a larger buffer is stored as what it shows',
        within(database => {
          const view = new Uint8Array([9, 1, 2, 9]).subarray(1, 3)
          expect(database.prepare('SELECT hex(?) AS hex').get(view)).toEqual({ hex: '0102' })
        }),
      )

      it.each([
        ['a boolean', true],
        ['undefined', undefined],
        ['a bigint', 1n],
        ['NaN', Number.NaN],
        ['infinity', Number.POSITIVE_INFINITY],
        ['an object', { a: 1 }],
        ['an array', [1]],
        ['a map', new Map()],
      ])('%s is refused', (_, value) => {
        within(database => {
          const statement = database.prepare('SELECT ? AS value')
          expect(codeOf(() => statement.get(value as SqlValue))).toBe('database-value')
          expect(statement.get(1)).toEqual({ value: 1 })
        })()
      })

      it(
        'numbered parameters are bound by their number',
        within(database => {
          expect(database.prepare('SELECT ?2 AS b, ?1 AS a, ?2 AS c').get('x', 'y')).toEqual({ a: 'x', b: 'y', c: 'y' })
        }),
      )

      it.each([
        ['too few', 'SELECT ?, ?', [1]],
        ['too many', 'SELECT ?', [1, 2]],
        ['any to a statement that takes none', 'SELECT 1', [1]],
        ['a name', 'SELECT :name', [1]],
      ])('parameters: %s is refused', (_, sql, parameters) => {
        within(database => {
          expect(codeOf(() => database.prepare(sql).get(...parameters))).toBe('database-statement')
        })()
      })
    })

    describe('results', () => {
      it(
        'run tells how many rows it changed',
        within(database => {
          database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b)')
          expect(database.prepare('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)').run()).toBe(3)
          expect(database.prepare('INSERT OR IGNORE INTO t VALUES (1, 9)').run()).toBe(0)
          expect(database.prepare('UPDATE t SET b = 0 WHERE a > ?').run(1)).toBe(2)
          expect(database.prepare('SELECT * FROM t').run()).toBe(0)
          expect(database.prepare('DELETE FROM t').run()).toBe(3)
          expect(database.prepare('CREATE TABLE u (a)').run()).toBe(0)
        }),
      )

      it(
        'rows are named by their columns, in order',
        within(database => {
          database.exec('CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, NULL), (2, NULL)')
          expect(database.prepare('SELECT a, b FROM t ORDER BY a DESC').all()).toStrictEqual([
            { a: 2, b: null },
            { a: 1, b: null },
          ])
          expect(database.prepare('SELECT a FROM t ORDER BY a').get()).toStrictEqual({ a: 1 })
          expect(database.prepare('SELECT a FROM t WHERE a > 5').get()).toBeUndefined()
          expect(database.prepare('SELECT a FROM t WHERE a > 5').all()).toEqual([])
        }),
      )

      it(
        'a statement without rows is carried out by get and all too',
        within(database => {
          database.exec('CREATE TABLE t (a)')
          expect(database.prepare('INSERT INTO t VALUES (1)').get()).toBeUndefined()
          expect(database.prepare('INSERT INTO t VALUES (2)').all()).toEqual([])
          expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 2 })
        }),
      )

      it(
        'RETURNING gives rows, and all changes are made for one',
        within(database => {
          database.exec('CREATE TABLE t (a)')
          expect(database.prepare('INSERT INTO t VALUES (1), (2) RETURNING a').get()).toEqual({ a: 1 })
          expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 2 })
          expect(database.prepare('DELETE FROM t RETURNING a').run()).toBe(2)
        }),
      )

      it(
        'a statement sees a changed schema',
        within(database => {
          database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)')
          const statement = database.prepare('SELECT * FROM t')
          expect(statement.all()).toEqual([{ a: 1 }])
          database.exec('ALTER TABLE t ADD COLUMN b DEFAULT 2')
          expect(statement.all()).toEqual([{ a: 1, b: 2 }])
          database.exec('ALTER TABLE t RENAME COLUMN a TO c')
          expect(statement.all()).toEqual([{ c: 1, b: 2 }])
        }),
      )
    })

    describe('statements', () => {
      it.each([
        ['none', ' -- nothing'],
        ['several', 'SELECT 1; SELECT 2'],
        ['nonsense', 'SELEC 1'],
        ['an unknown table', 'SELECT * FROM nowhere'],
      ])('a text that holds %s is refused', (_, sql) => {
        within(database => expect(codeOf(() => database.prepare(sql))).toBe('database-statement'))()
      })

      it(
        'a text may end with a semicolon and a comment',
        within(database => expect(database.prepare('SELECT 1 AS a; -- done\n').get()).toEqual({ a: 1 })),
      )

      it(
        'a statement that was pushed out of the cache still works',
        within(database => {
          database.exec('CREATE TABLE t (a)')
          const insert = database.prepare('INSERT INTO t VALUES (?)')
          const statements = Array.from({ length: 600 }, (_, n) => database.prepare(`SELECT ${n} AS n, ? AS p`))
          for (const [n, statement] of statements.entries()) expect(statement.get('x')).toEqual({ n, p: 'x' })
          for (const [n, statement] of statements.entries()) expect(statement.all('y')).toEqual([{ n, p: 'y' }])
          expect(insert.run(1)).toBe(1)
          expect(database.prepare('INSERT INTO t VALUES (?)').run(2)).toBe(1)
          expect(database.prepare('SELECT sum(a) AS sum FROM t').get()).toEqual({ sum: 3 })
        }),
      )

      it(
        'exec runs several statements, up to the first that fails',
        within(database => {
          expect(codeOf(() => database.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1); oops; DROP TABLE t'))).toBe(
            'database-statement',
          )
          expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }])
          database.exec('')
        }),
      )
    })

    describe('constraints', () => {
      it.each([
        ['unique', 'INSERT INTO child (id, name) VALUES (2, 1)', 'SQLITE_CONSTRAINT_UNIQUE'],
        ['primary key', 'INSERT INTO child (id, name) VALUES (1, 2)', 'SQLITE_CONSTRAINT_PRIMARYKEY'],
        ['not null', 'INSERT INTO child (id) VALUES (2)', 'SQLITE_CONSTRAINT_NOTNULL'],
        ['check', 'INSERT INTO child (id, name) VALUES (2, -1)', 'SQLITE_CONSTRAINT_CHECK'],
        ['foreign key', 'INSERT INTO child (id, name, parent) VALUES (2, 2, 7)', 'SQLITE_CONSTRAINT_FOREIGNKEY'],
      ])('%s: a coded error that says which', (_, sql, sqlite) => {
        within(database => {
          database.exec(`
            CREATE TABLE parent (id INTEGER PRIMARY KEY);
            CREATE TABLE child (
              id INTEGER PRIMARY KEY, name NOT NULL UNIQUE CHECK (name > 0), parent REFERENCES parent);
            INSERT INTO child (id, name) VALUES (1, 1)`)
          const statement = database.prepare(sql)
          const error = errorOf(() => statement.run())
          expect(isThicketError(error, 'database-constraint') && error.details).toMatchObject({ sqlite })
          expect(database.prepare('SELECT count(*) AS n FROM child').get()).toEqual({ n: 1 })
        })()
      })

      it(
        'a failed statement takes back what it did, not its transaction',
        within(database => {
          database.exec('CREATE TABLE t (a UNIQUE); BEGIN')
          database.prepare('INSERT INTO t VALUES (1)').run()
          expect(codeOf(() => database.prepare('INSERT INTO t VALUES (2), (1)').run())).toBe('database-constraint')
          expect(database.inTransaction).toBe(true)
          database.exec('COMMIT')
          expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }])
        }),
      )
    })

    describe('transactions', () => {
      it(
        'commit keeps and rollback takes back',
        within(database => {
          database.exec('CREATE TABLE t (a)')
          const begin = database.prepare('BEGIN IMMEDIATE')
          expect(database.inTransaction).toBe(false)
          begin.run()
          expect(database.inTransaction).toBe(true)
          database.prepare('INSERT INTO t VALUES (1)').run()
          database.prepare('COMMIT').run()
          expect(database.inTransaction).toBe(false)
          begin.run()
          database.prepare('INSERT INTO t VALUES (2)').run()
          database.prepare('ROLLBACK').run()
          expect(database.prepare('SELECT a FROM t').all()).toEqual([{ a: 1 }])
        }),
      )

      it(
        'transactions do not nest, savepoints do',
        within(database => {
          database.exec('CREATE TABLE t (a); BEGIN')
          expect(codeOf(() => database.exec('BEGIN'))).toBe('database-statement')
          database.exec('SAVEPOINT s; INSERT INTO t VALUES (1); ROLLBACK TO s; RELEASE s; COMMIT')
          expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 })
        }),
      )

      it(
        'a transaction larger than the page cache can be rolled back',
        within(database => {
          database.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)')
          const insert = database.prepare('INSERT INTO t (b) VALUES (?)')
          const blob = new Uint8Array(4000).fill(1)
          database.exec('BEGIN')
          for (let row = 0; row < 2000; row++) insert.run(blob)
          database.exec('ROLLBACK')
          expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 0 })
          expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
        }),
      )
    })

    describe('the end', () => {
      it('after close every call throws DatabaseDead, save close', () => {
        const database = makeDatabase()
        database.exec('CREATE TABLE t (a)')
        const statement = database.prepare('INSERT INTO t VALUES (1)')
        database.close()
        database.close()
        for (const call of [
          () => database.prepare('SELECT 1'),
          () => database.prepare('INSERT INTO t VALUES (1)'),
          () => database.exec('SELECT 1'),
          () => database.inTransaction,
          () => statement.run(),
          () => statement.get(),
          () => statement.all(),
        ]) {
          expect(call).toThrow(DatabaseDead)
        }
      })
    })
  })
}

function errorOf(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

function codeOf(work: () => unknown): string | undefined {
  const error = errorOf(work)
  if (error !== undefined && !isThicketError(error)) throw error
  return error?.code
}
