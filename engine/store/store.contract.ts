/**
 * Goal: the store keeps what spec/node.md 7.4 asks of it, on every body of the Database port.
 * Method: a contract on a fresh database each; rows are made of counted ids, since the store never looks into a header.
 */

import { describe, expect, it } from 'vitest'
import { type Hash, idFromBytes, type LogId, type OperationId, type Topic, type VerifyingKey } from '../core/index.js'
import type { Database } from '../ports.js'
import { openStore, type Store, stateHash, type TopicRow, type Transaction } from './index.js'

/** @param makeDatabase opens a fresh, empty database */
export function storeContract(name: string, makeDatabase: () => Database): void {
  describe(`the store on ${name}`, () => {
    it('[7.4] writing needs an open transaction, and a handle is good for its own transaction alone', () => {
      withStore(store => {
        let stale: Transaction | undefined
        store.transact(tx => {
          stale = tx
        })
        expect(() => store.logs.ensureTopic(stale!, id<Topic>(1), id<LogId>(2))).toThrow(/within its transaction/)
        expect(() => store.transact(() => store.transact(() => 0))).toThrow(/do not nest/)
      })
    })

    it('[7.4] a transaction that throws is rolled back, and the next one works', () => {
      withStore(store => {
        expect(() =>
          store.transact(tx => {
            store.logs.ensureTopic(tx, id<Topic>(1), id<LogId>(2))
            throw new Error('changed my mind')
          }),
        ).toThrow('changed my mind')
        expect(store.logs.topics()).toEqual([])
        store.transact(tx => store.logs.ensureTopic(tx, id<Topic>(1), id<LogId>(2)))
        expect(store.logs.topics()).toHaveLength(1)
      })
    })

    it('effects after the commit run in order, and never after a rollback', () => {
      withStore(store => {
        const seen: string[] = []
        store.transact(tx => {
          tx.afterCommit(() => seen.push('first'))
          tx.afterCommit(() => seen.push('second'))
          expect(seen).toEqual([])
        })
        expect(() =>
          store.transact(tx => {
            tx.afterCommit(() => seen.push('never'))
            throw new Error('no')
          }),
        ).toThrow()
        expect(seen).toEqual(['first', 'second'])
      })
    })

    it('a transaction that returns a promise is refused', () => {
      withStore(store => {
        expect(() => store.transact(async () => 1)).toThrow(/synchronous/)
        expect(store.database.inTransaction).toBe(false)
      })
    })

    it('[7.4] a second writer sees what the first committed, and inside a transaction its own uncommitted rows', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        store.transact(tx => {
          add(store, tx, topic, log, 0)
          expect(store.operations.has(operationId(0))).toBe(true)
        })
        store.transact(tx => {
          expect(store.logs.findLog(topic, id<VerifyingKey>(9))?.tip?.seqNum).toBe(0)
          add(store, tx, topic, log, 1)
        })
        expect(store.operations.count()).toBe(2)
      })
    })

    it('[7.4] an operation is found by id, a missing one is not, and deleting says whether it was there', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        store.transact(tx => add(store, tx, topic, log, 0))
        expect(store.operations.has(operationId(0))).toBe(true)
        expect(store.operations.find(operationId(0))).toMatchObject({ seqNum: 0, header: new Uint8Array([0, 0]) })
        expect(store.operations.has(operationId(1))).toBe(false)
        expect(store.operations.find(operationId(1))).toBeUndefined()
        expect(store.transact(tx => store.operations.deletePayload(tx, operationId(0)))).toBe(true)
        expect(store.operations.find(operationId(0))?.body).toBeNull()
        expect(store.transact(tx => store.operations.delete(tx, operationId(0)))).toBe(true)
        expect(store.transact(tx => store.operations.delete(tx, operationId(0)))).toBe(false)
      })
    })

    it('[7.4] the same operation, or the same place in a log, is stored once', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        store.transact(tx => add(store, tx, topic, log, 0))
        expect(() => store.transact(tx => add(store, tx, topic, log, 0))).toThrow()
        expect(store.operations.count()).toBe(1)
      })
    })

    it('[7.4] heights of two logs, size of a range, entries ascending, and pruning below 3 leaves 3 and 4', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        const other = store.transact(tx => store.logs.ensureLog(tx, topic, id<VerifyingKey>(8)).log)
        store.transact(tx => {
          for (let seqNum = 0; seqNum < 5; seqNum++) add(store, tx, topic, log, seqNum)
          add(store, tx, topic, other, 0, 100)
        })
        expect(store.logs.logsOf(topic).map(row => row.tip?.seqNum)).toEqual([0, 4])
        expect(store.operations.measure(log, null, 4)).toEqual({ operations: 5, bytes: 5 * 5 })
        expect(store.operations.measure(log, 1, 3)).toEqual({ operations: 2, bytes: 10 })
        expect(store.operations.measure(log, 4, 4)).toEqual({ operations: 0, bytes: 0 })
        expect(store.operations.range(log, null, 4, 10).map(row => row.seqNum)).toEqual([0, 1, 2, 3, 4])
        expect(store.operations.range(log, 0, 3, 2).map(row => row.seqNum)).toEqual([1, 2])
        expect(store.transact(tx => store.operations.deleteBelow(tx, log, 3))).toBe(3)
        expect(store.operations.range(log, null, 4, 10).map(row => row.seqNum)).toEqual([3, 4])
        expect(store.operations.measure(log, null, 4)).toEqual({ operations: 2, bytes: 10 })
      })
    })

    it('[7.4] a topic and a log are made once, and the logs of a topic are grouped by author', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        const again = store.transact(tx => store.logs.ensureTopic(tx, topic.id, topic.logId))
        expect(again).toEqual(topic)
        expect(store.transact(tx => store.logs.ensureLog(tx, topic, id<VerifyingKey>(9)).log)).toBe(log)
        const elsewhere = store.transact(tx => store.logs.ensureTopic(tx, id<Topic>(3), id<LogId>(4)))
        store.transact(tx => store.logs.ensureLog(tx, elsewhere, id<VerifyingKey>(9)))
        expect(store.logs.logsOf(topic)).toHaveLength(1)
        expect(store.logs.logsOf(elsewhere)).toHaveLength(1)
        expect(store.logs.authorOf(log)).toBe(id<VerifyingKey>(9))
      })
    })

    it('[7.4] marks of a consumer are written, read back, only grow, and can be reset', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        const consumer = store.transact(tx => store.consumers.ensure(tx, topic, topic.id))
        store.transact(tx => {
          store.consumers.addException(tx, consumer, log, 2)
          store.consumers.raise(tx, consumer, log, 5)
          store.consumers.raise(tx, consumer, log, 3)
          store.consumers.addException(tx, consumer, log, 2)
          // A mark has passed it: it is acknowledged.
          store.consumers.addException(tx, consumer, log, 4)
        })
        expect([...store.consumers.marks(consumer)]).toEqual([[log, 5]])
        expect([...store.consumers.exceptions(consumer).get(log)!]).toEqual([2])
        store.transact(tx => store.consumers.dropExceptionsBelow(tx, log, 3))
        expect(store.consumers.exceptions(consumer).size).toBe(0)
        store.transact(tx => store.consumers.reset(tx, consumer))
        expect(store.consumers.marks(consumer).size).toBe(0)
      })
    })

    it('order of ingest and order of release are read in pages', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        store.transact(tx => {
          for (let seqNum = 0; seqNum < 7; seqNum++) add(store, tx, topic, log, seqNum)
        })
        const first = store.operations.afterPlace(topic, 0, 3)
        expect(first.map(row => row.seqNum)).toEqual([0, 1, 2])
        expect(store.operations.afterPlace(topic, first.at(-1)!.place!, 10).map(row => row.seqNum)).toEqual([
          3, 4, 5, 6,
        ])
        expect(
          store.operations.afterPosition(topic, store.operations.lastPosition() - 1, 10).map(row => row.seqNum),
        ).toEqual([6])
        expect(store.operations.lastPlace(topic)).toBe(7)
        expect(store.operations.countAbove(log, 2, 'place', 6)).toBe(3)
        expect(store.operations.countAbove(log, 2, 'position', 5)).toBe(2)
        expect(store.operations.firstAbove(log, 2)).toEqual({ place: 4, position: 4 })
      })
    })

    it('tips, ids and ranges are found by an index', () => {
      withStore(store => {
        const plan = (sql: string) => store.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all<{ detail: string }>()
        for (const sql of [
          "SELECT 1 FROM operations WHERE id = x'00'",
          'SELECT 1 FROM operations WHERE log = 1 AND seq = 2',
          'SELECT header FROM operations WHERE log = 1 AND seq > 2 AND seq <= 9 ORDER BY seq',
          'SELECT header FROM operations WHERE topic = 1 AND position > 2 ORDER BY position',
          'SELECT header FROM operations WHERE topic = 1 AND place IS NOT NULL AND place > 2 ORDER BY place',
          "SELECT height FROM logs WHERE topic = 1 AND author = x'00'",
          'SELECT id FROM held WHERE log = 1 AND seq = 2',
        ]) {
          const details = plan(sql).map(row => row.detail)
          expect(details.join(), sql).toMatch(/SEARCH/)
          expect(details.join(), sql).not.toMatch(/SCAN|TEMP B-TREE/)
        }
      })
    })

    describe('what is held', () => {
      it('is kept up to the bound of a log, and past it the farthest from the gap goes first', () => {
        withStore(
          store => {
            const { topic, log } = seed(store)
            const keep = (seqNum: number) =>
              store.transact(tx => store.held.keep(tx, topic, heldOperation(log, seqNum)))
            for (const seqNum of [2, 9, 4]) expect(keep(seqNum)).toBe(true)
            expect(keep(20), 'farther than all: not kept').toBe(false)
            expect(keep(3), 'nearer: takes the place of 9').toBe(true)
            expect([2, 3, 4, 9].map(seqNum => store.held.atSeq(log, seqNum) !== undefined)).toEqual([
              true,
              true,
              true,
              false,
            ])
            expect(store.logs.findLog(topic, id<VerifyingKey>(9))?.held).toBe(3)
          },
          { operationsPerLog: 3, bytesPerTopic: 1_000 },
        )
      })

      it('is kept up to the bytes of a topic, over all its logs', () => {
        withStore(
          store => {
            const { topic, log } = seed(store)
            const other = store.transact(tx => store.logs.ensureLog(tx, topic, id<VerifyingKey>(8)).log)
            const keep = (of: number, seqNum: number) =>
              store.transact(tx => store.held.keep(tx, topic, heldOperation(of, seqNum)))
            expect(keep(log, 50)).toBe(true)
            expect(keep(other, 5)).toBe(true)
            expect(store.held.bytes(topic), 'exactly at the bound').toBe(20)
            expect(keep(other, 3), 'one past it: 50 is farthest').toBe(true)
            expect(store.held.atSeq(log, 50)).toBeUndefined()
            expect(store.held.bytes(topic)).toBe(20)
            expect(keep(log, 60)).toBe(false)
            expect(store.held.from(other, 3, 9).map(held => held.seqNum)[0]).toBe(3)
            expect(store.transact(tx => store.held.drop(tx, topic, other, 3))).toBe(true)
            expect(store.transact(tx => store.held.drop(tx, topic, other, 3))).toBe(false)
            expect(store.transact(tx => store.held.dropBelow(tx, topic, other, 9))).toBe(1)
            expect(store.held.bytes(topic)).toBe(0)
          },
          { operationsPerLog: 10, bytesPerTopic: 20 },
        )
      })
    })

    it('fork evidence is stored once for each conflicting operation', () => {
      withStore(store => {
        const { log } = seed(store)
        const evidence = {
          log,
          seqNum: 3,
          conflictingId: operationId(77),
          known: new Uint8Array([1]),
          conflicting: new Uint8Array([2]),
        }
        expect(store.transact(tx => store.forks.add(tx, evidence))).toBe(true)
        expect(store.transact(tx => store.forks.add(tx, evidence))).toBe(false)
        expect(store.forks.of(log)).toEqual([evidence])
      })
    })

    it('fork evidence of a topic is read in pages, by log and conflicting id', () => {
      withStore(store => {
        const { topic, log } = seed(store)
        const author = store.logs.authorOf(log)
        const evidence = [5, 6, 7].map(number => ({
          log,
          author,
          seqNum: 3,
          conflictingId: operationId(number),
          known: new Uint8Array([1]),
          conflicting: new Uint8Array([number]),
        }))
        store.transact(tx => {
          for (const one of [...evidence].reverse()) store.forks.add(tx, one)
        })
        expect(store.forks.ofTopic(topic, null, 3)).toEqual(evidence)
        expect(store.forks.ofTopic(topic, null, 2)).toEqual(evidence.slice(0, 2))
        expect(store.forks.ofTopic(topic, evidence[1]!, 2)).toEqual(evidence.slice(2))
        expect(store.forks.ofTopic(topic, evidence[2]!, 2)).toEqual([])
      })
    })

    it('the state hash tells what is stored and acknowledged, and nothing of row numbers', () => {
      const hashOf = (order: readonly number[], marked: boolean) => {
        let hash = ''
        withStore(store => {
          const topic = store.transact(tx => store.logs.ensureTopic(tx, id<Topic>(1), id<LogId>(2)))
          for (const author of order) store.transact(tx => store.logs.ensureLog(tx, topic, id<VerifyingKey>(author)))
          const log = store.logs.findLog(topic, id<VerifyingKey>(9))!.log
          store.transact(tx => add(store, tx, topic, log, 0))
          const consumer = store.transact(tx => store.consumers.ensure(tx, topic, topic.id))
          if (marked) store.transact(tx => store.consumers.raise(tx, consumer, log, 0))
          hash = stateHash(store, fold).join()
        })
        return hash
      }
      expect(hashOf([9, 8], true)).toBe(hashOf([8, 9], true))
      expect(hashOf([9, 8], true)).not.toBe(hashOf([9, 8], false))
    })

    it('a database of another application and one of a later schema are refused', () => {
      const foreign = makeDatabase()
      foreign.exec('PRAGMA application_id = 1234')
      expect(() => openStore(foreign)).toThrow(expect.objectContaining({ code: 'database-foreign' }))
      foreign.close()
      const strange = makeDatabase()
      strange.exec('CREATE TABLE somebody_elses (a)')
      expect(() => openStore(strange)).toThrow(expect.objectContaining({ code: 'database-foreign' }))
      strange.close()
      const later = makeDatabase()
      openStore(later)
      later.exec('PRAGMA user_version = 99')
      expect(() => openStore(later)).toThrow(expect.objectContaining({ code: 'database-too-new' }))
      later.close()
    })
  })

  function withStore(work: (store: Store) => void, held?: { operationsPerLog: number; bytesPerTopic: number }): void {
    const store = openStore(makeDatabase(), held && { held })
    try {
      work(store)
    } finally {
      store.close()
    }
  }
}

/** A store with one topic and the log of author 9. */
function seed(store: Store): { topic: TopicRow; log: number } {
  return store.transact(tx => {
    const topic = store.logs.ensureTopic(tx, id<Topic>(1), id<LogId>(2))
    return { topic, log: store.logs.ensureLog(tx, topic, id<VerifyingKey>(9)).log }
  })
}

/** Two bytes of header and three of body. */
function add(store: Store, tx: Transaction, topic: TopicRow, log: number, seqNum: number, idOffset = 0): void {
  const operation = operationId(seqNum + idOffset)
  const body = new Uint8Array([1, 2, 3])
  const place = store.operations.lastPlace(topic) + 1
  const row = { id: operation, log, seqNum, header: new Uint8Array([0, seqNum]), body }
  store.operations.insert(tx, topic, row, store.operations.lastPosition() + 1, place)
  store.operations.setLastPlace(tx, topic.topic, place)
  store.logs.setTip(tx, log, { seqNum, id: operation, timestamp: new Uint8Array(8) })
}

/** Ten bytes in all. */
function heldOperation(log: number, seqNum: number) {
  return { id: operationId(log * 1_000 + seqNum), log, seqNum, header: new Uint8Array(7), body: new Uint8Array(3) }
}

function operationId(number: number): OperationId {
  return id<OperationId>(number + 10_000)
}

function id<Id extends Hash | OperationId | LogId | Topic | VerifyingKey>(number: number): Id {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(28, number)
  return idFromBytes<Id>(bytes, 'id')
}

/** Enough of a hash to tell inputs apart. */
function fold(bytes: Uint8Array): Uint8Array {
  const state = new Uint8Array(32)
  for (const [at, byte] of bytes.entries()) state[at % 32] = (state[at % 32]! * 31 + byte + at) & 0xff
  return state
}
