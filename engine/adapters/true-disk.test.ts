/**
 * Goal: on a true disk a node keeps what it promised, whenever its process is killed.
 * Method: real processes on better-sqlite3 are killed with SIGKILL at random moments of a seed, again and again over
 * the same database; what they had printed as done is compared with copies of the files that they left. The next life
 * begins on the files themselves, so that SQLite's recovery is not spared by the look at them. (Power cuts, which lose
 * what was not synced, are the crash disk's.)
 */

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import seedrandom from 'seedrandom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Node, NodeBuilder } from '../node/index.js'
import { openStore } from '../store/index.js'
import { openBetterSqlite } from './better-sqlite.js'
import { nodeDefaults } from './defaults.js'
import { inProcessTransport } from './in-process.js'
import { AUTHOR_KEY, LEDGER_TABLE, NEWCOMER_KEY, TOPICS } from './true-disk-child.contract.js'
import { type Death, Lives } from './true-disk-lives.contract.js'
import { brokenPromises, noPromises, type Promises, readPromises } from './true-disk-promises.contract.js'

const SEED = 'true disk 1'
const KILLS = 50
const FIRST_STARTS = 12
const CATCH_UPS = 8
const CATCH_UP_OPERATIONS = 4_000
/** Longest life, in milliseconds, once it does its work: some dozens of commits. */
const WORKING_MS = 150
/** Milliseconds in which a life opens its database, and makes it if need be. */
const STARTING_MS = 60

let lives: Lives

beforeAll(() => {
  lives = new Lives()
})

afterAll(() => lives.end())

/** A database in a folder of its own, with whatever SQLite keeps beside it. */
function databaseIn(name: string): string {
  mkdirSync(join(lives.folder, name))
  return join(lives.folder, name, 'node.db')
}

/** One kill of four comes while the life still starts. */
function randomDeath(random: () => number): Death {
  if (random() < 0.25) return { from: 'loaded', afterMs: random() * STARTING_MS }
  return { from: 'moving', afterMs: random() * WORKING_MS }
}

async function judgeCopy(
  path: string,
  judge: (copy: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const copy = join(lives.folder, 'copy')
  cpSync(join(path, '..'), copy, { recursive: true })
  const broken = await judge(join(copy, 'node.db'))
  rmSync(copy, { recursive: true })
  return broken
}

const ofAuthor = { author: AUTHOR_KEY, reader: AUTHOR_KEY, topics: ['a', 'b'] } as const

describe('a process that is killed', () => {
  let database: string
  const promises = noPromises()

  it(`keeps its promises through ${KILLS} kills in a row on one database`, async () => {
    const random = seedrandom(SEED)
    database = databaseIn('kills')
    for (let number = 0; number < KILLS; number++) {
      const output = await lives.liveAndDie({ mode: 'publish', database, number }, randomDeath(random))
      readPromises(promises, output)
      const broken = await judgeCopy(database, copy => brokenPromises(copy, promises, ofAuthor))
      expect(broken, `after kill ${number + 1} of seed '${SEED}'`).toEqual([])
    }
    // A publication is reported before the next one begins, so a kill leaves at most one that nobody heard of.
    expect(promises.unreported.size).toBeLessThanOrEqual(promises.kills)
    // It must have been about something.
    expect(promises.printed).toBeGreaterThan(KILLS * 3)
    expect(Math.min(promises.acked.a, promises.acked.b)).toBeGreaterThan(KILLS / 2)
    expect(promises.entered.size).toBeGreaterThan(KILLS / 2)
  }, 180_000)

  it('is caught when it breaks one of them', async () => {
    const judge = (change: (claims: Promises) => void, damage?: (copy: string) => void) =>
      judgeCopy(database, copy => {
        damage?.(copy)
        const claims = structuredClone(promises)
        change(claims)
        return brokenPromises(copy, claims, ofAuthor)
      })
    const sql = (text: string) => (copy: string) => {
      const store = openStore(openBetterSqlite(copy))
      store.database.exec(text)
      store.close()
    }
    const nothing = () => {}
    const last = `(SELECT max(position) FROM operations)`
    expect(await judge(claims => claims.published.a.set('00'.repeat(32) as never, claims.printed))).not.toEqual([])
    expect(await judge(claims => claims.entered.add(1_000_000))).not.toEqual([])
    expect(await judge(claims => claims.seen.a.set(Math.max(...claims.seen.a.keys()), 'ff' as never))).not.toEqual([])
    expect(await judge(nothing, sql(`DELETE FROM operations WHERE position = ${last}`))).not.toEqual([])
    expect(await judge(nothing, sql(`UPDATE marks SET seq = seq + 100000`))).not.toEqual([])
    expect(await judge(nothing, sql(`UPDATE marks SET seq = 0`))).not.toEqual([])
    expect(await judge(nothing, sql(`INSERT INTO ${LEDGER_TABLE} SELECT max(seq) FROM ${LEDGER_TABLE}`))).not.toEqual(
      [],
    )
    expect(await judge(nothing), 'and only then').toEqual([])
  })

  it(`can be killed ${FIRST_STARTS} times while it makes its database`, async () => {
    const random = seedrandom(`${SEED}, first starts`)
    for (let number = 0; number < FIRST_STARTS; number++) {
      const fresh = databaseIn(`first-${number}`)
      const own = noPromises()
      for (let kill = 0; kill < 2; kill++) {
        const death = { from: 'loaded', afterMs: random() * STARTING_MS } as const
        readPromises(own, await lives.liveAndDie({ mode: 'publish', database: fresh, number }, death))
        const broken = await judgeCopy(fresh, copy => brokenPromises(copy, own, ofAuthor))
        expect(broken, `start ${number}, kill ${kill + 1} of seed '${SEED}'`).toEqual([])
      }
    }
  }, 120_000)

  it('goes on with a catch-up where it was killed', async () => {
    const random = seedrandom(`${SEED}, catch-up`)
    const source = databaseIn('source')
    // What it publishes beforehand is not what is tested, so it need not wait for the disk.
    const defaults = {
      ...nodeDefaults(),
      openDatabase: (path: string) => openBetterSqlite(path, { synchronous: 'normal' }),
    }
    const node = await new NodeBuilder(defaults)
      .database(source)
      .signingKey(AUTHOR_KEY)
      .transport(inProcessTransport({ discover: false }))
      .spawn()
    const ids = await publishMany(node, CATCH_UP_OPERATIONS)
    await node.close()
    const as = { author: AUTHOR_KEY, reader: NEWCOMER_KEY, topics: ['a'] } as const
    let newcomer = databaseIn('newcomer')
    let own = noPromises()
    let arrived = 0
    for (let kill = 0; kill < CATCH_UPS; kill++) {
      const life = { mode: 'catch-up', database: newcomer, source, number: kill } as const
      const from = kill % 2 === 0 ? 'moving' : 'ready'
      readPromises(own, await lives.liveAndDie(life, { from, afterMs: random() * WORKING_MS }))
      const broken = await judgeCopy(newcomer, copy => brokenPromises(copy, own, as))
      expect(broken, `kill ${kill + 1} of seed '${SEED}'`).toEqual([])
      expect([...own.seen.a.values()], 'what arrived is what was published').toEqual(ids.slice(0, own.seen.a.size))
      arrived += own.seen.a.size
      if (own.seen.a.size < CATCH_UP_OPERATIONS) continue
      // It has everything, so the next one begins anew.
      newcomer = databaseIn(`newcomer-${kill}`)
      own = noPromises()
    }
    expect(arrived).toBeGreaterThan(0)
  }, 120_000)
})

async function publishMany(node: Node, count: number): Promise<readonly string[]> {
  const [tx] = await node.stream<string>(TOPICS.a)
  const ids: string[] = []
  for (let number = 0; number < count; number++) ids.push((await tx.publish(`${number}`)).id)
  return ids
}
