/**
 * Causal order as data. An operation that names others waits until all of them are released; every name it waits for is
 * one edge, and releasing an operation takes its edges away one by one, so the work is constant for each edge in
 * whatever order things arrive. What is released never waits again, and nothing is kept in memory.
 *
 * Beside it stands the frontier of each topic: what is released and named by nothing that is released.
 */

import { idBytes, idFromBytes, type OperationId } from '../core/index.js'
import type { Database } from '../ports.js'
import type { TopicRow } from './logs.js'
import { assertOpen, type Transaction } from './transaction.js'

export interface WaitingOperation {
  readonly position: number
  readonly topic: number
  /** Wall-clock milliseconds of its arrival. */
  readonly sinceMs: number
}

export interface Ordering {
  /**
   * The operation at this position waits for these, all of them different; for none, where a cascade was cut into steps.
   * It is not counted by this.
   */
  wait(
    tx: Transaction,
    topic: Pick<TopicRow, 'topic'>,
    position: number,
    dependencies: readonly OperationId[],
    sinceMs: number,
  ): void
  /**
   * The operation is released, or (`isMissing`) will never be: takes away the edges to it. Gives the positions that now
   * wait for nothing.
   */
  resolve(tx: Transaction, id: OperationId, isMissing: boolean): readonly number[]
  /** Notes that an operation is released, or about to wait, without some that it names. */
  miss(tx: Transaction, position: number, missing: readonly OperationId[]): void
  /** Ends the waiting of a position, whatever it still misses; gives what that was. */
  waive(tx: Transaction, position: number): readonly OperationId[]
  /** The position is released and waits no longer; says whether it did. What it was released without stays known. */
  done(tx: Transaction, position: number): boolean
  /** Counts what began to wait and what was done; written once for all of a transaction. */
  addToCount(tx: Transaction, topic: Pick<TopicRow, 'topic'>, change: number): void
  /** Positions that miss nothing, oldest first: the rest of a cascade that was cut into steps. */
  ready(limit: number): readonly WaitingOperation[]
  /** What waits in a topic and still misses something, oldest first. */
  waiting(topic: TopicRow, limit: number): readonly WaitingOperation[]
  missing(position: number): readonly OperationId[]
  count(topic: Pick<TopicRow, 'topic'>): number
  countAll(): number
  /** Operations that were released, or wait, without something that they name; those that were pruned since are gone. */
  countWaived(): number
  /** What a position was released without. */
  missed(position: number): readonly OperationId[]
  /** Whether something was released without waiting for this operation any longer. */
  wasWaived(id: OperationId): boolean
  hasEdges(): boolean
  hasWaived(): boolean
  frontier(topic: TopicRow): readonly OperationId[]
  addToFrontier(tx: Transaction, topic: Pick<TopicRow, 'topic'>, id: OperationId): void
  removeFromFrontier(tx: Transaction, topic: Pick<TopicRow, 'topic'>, id: OperationId): void
  /**
   * Before operations of a log below a sequence number are deleted: forgets their waiting, takes them out of the
   * frontier, and remembers their ids, so that what names them later need not wait. Gives those that something waits for.
   */
  pruning(tx: Transaction, topic: TopicRow, log: number, seqNum: number): readonly OperationId[]
  wasPruned(id: OperationId): boolean
}

/** Ids of pruned operations that a node remembers: some 5 MB. Older ones fall under the waiver by time. */
export const REMEMBERED_PRUNED = 65_536

export function createOrdering(database: Database): Ordering {
  const insertWaiting = database.prepare('INSERT INTO waiting (position, topic, missing, since_ms) VALUES (?, ?, ?, ?)')
  const insertEdge = database.prepare('INSERT INTO edges (dependency, position) VALUES (?, ?)')
  const selectWaiters = database.prepare('SELECT position FROM edges WHERE dependency = ? ORDER BY position')
  const deleteEdgesTo = database.prepare('DELETE FROM edges WHERE dependency = ?')
  const deleteEdgesOf = database.prepare('DELETE FROM edges WHERE position = ?')
  const selectEdgesOf = database.prepare('SELECT dependency FROM edges WHERE position = ? ORDER BY dependency')
  const decrement = database.prepare('UPDATE waiting SET missing = missing - 1 WHERE position = ? RETURNING missing')
  const setReady = database.prepare('UPDATE waiting SET missing = 0 WHERE position = ?')
  const deleteWaiting = database.prepare('DELETE FROM waiting WHERE position = ?')
  const columns = 'position, topic, since_ms AS sinceMs'
  const selectReady = database.prepare(`SELECT ${columns} FROM waiting WHERE missing = 0 ORDER BY position LIMIT ?`)
  const selectWaiting = database.prepare(
    `SELECT ${columns} FROM waiting WHERE topic = ? AND missing > 0 ORDER BY position LIMIT ?`,
  )
  // Counted where it changes: the bound is looked at for every operation that waits.
  const countWaiting = database.prepare('SELECT waiting AS count FROM topics WHERE topic = ?')
  const addToCount = database.prepare('UPDATE topics SET waiting = waiting + ? WHERE topic = ?')
  const countAll = database.prepare('SELECT count(*) AS count FROM waiting')
  const insertWaived = database.prepare(
    'INSERT INTO waived (dependency, position) VALUES (?, ?) ON CONFLICT DO NOTHING',
  )
  const countWaived = database.prepare('SELECT count(DISTINCT position) AS count FROM waived')
  const selectMissed = database.prepare('SELECT dependency FROM waived WHERE position = ? ORDER BY dependency')
  const selectWasWaived = database.prepare('SELECT 1 AS found FROM waived WHERE dependency = ? LIMIT 1')
  const selectFrontier = database.prepare('SELECT id FROM frontier WHERE topic = ? ORDER BY id')
  const insertFrontier = database.prepare('INSERT INTO frontier (topic, id) VALUES (?, ?) ON CONFLICT DO NOTHING')
  const deleteFrontier = database.prepare('DELETE FROM frontier WHERE topic = ? AND id = ?')
  const anyEdge = database.prepare('SELECT 1 AS found FROM edges LIMIT 1')
  const anyWaived = database.prepare('SELECT 1 AS found FROM waived LIMIT 1')
  const selectWasPruned = database.prepare('SELECT 1 AS found FROM pruned WHERE id = ?')
  const below = 'FROM operations WHERE log = ? AND seq < ?'
  const selectAwaitedBelow = database.prepare(
    `SELECT id AS dependency ${below} AND EXISTS (SELECT 1 FROM edges WHERE dependency = operations.id) ORDER BY seq`,
  )
  // The oldest first, so that trimming, which takes the lowest places, takes them first too.
  const rememberBelow = database.prepare(
    `INSERT INTO pruned (id) SELECT id FROM (SELECT id, seq ${below} ORDER BY seq DESC LIMIT ?) WHERE true ORDER BY seq
     ON CONFLICT DO NOTHING`,
  )
  const trimPruned = database.prepare('DELETE FROM pruned WHERE place <= (SELECT max(place) FROM pruned) - ?')
  const positionsBelow = `(SELECT position ${below})`
  const forgetBelow = (table: string) => database.prepare(`DELETE FROM ${table} WHERE position IN ${positionsBelow}`)
  const [edgesBelow, waitingBelow, waivedBelow] = [forgetBelow('edges'), forgetBelow('waiting'), forgetBelow('waived')]
  const dropFrontierBelow = database.prepare(`DELETE FROM frontier WHERE topic = ? AND id IN (SELECT id ${below})`)

  return {
    wait(tx, topic, position, dependencies, sinceMs) {
      assertOpen(tx)
      insertWaiting.run(position, topic.topic, dependencies.length, sinceMs)
      for (const id of dependencies) insertEdge.run(idBytes(id), position)
    },
    resolve(tx, id, isMissing) {
      assertOpen(tx)
      const dependency = idBytes(id)
      const waiters = selectWaiters.all<{ position: number }>(dependency)
      if (waiters.length === 0) return []
      deleteEdgesTo.run(dependency)
      const ready: number[] = []
      for (const { position } of waiters) {
        const left = decrement.get<{ missing: number }>(position)
        if (isMissing) insertWaived.run(dependency, position)
        if (left?.missing === 0) ready.push(position)
      }
      return ready
    },
    miss(tx, position, missing) {
      assertOpen(tx)
      for (const id of missing) insertWaived.run(idBytes(id), position)
    },
    waive(tx, position) {
      assertOpen(tx)
      const missing = selectEdgesOf.all<{ dependency: Uint8Array }>(position)
      deleteEdgesOf.run(position)
      setReady.run(position)
      for (const { dependency } of missing) insertWaived.run(dependency, position)
      return missing.map(row => idFromBytes<OperationId>(row.dependency, 'dependency'))
    },
    done(tx, position) {
      assertOpen(tx)
      // Its edges are gone: one by one as they were resolved, or all at once as it was waived.
      return deleteWaiting.run(position) > 0
    },
    addToCount(tx, topic, change) {
      assertOpen(tx)
      addToCount.run(change, topic.topic)
    },
    ready: limit => selectReady.all<WaitingOperation>(limit),
    waiting: (topic, limit) => selectWaiting.all<WaitingOperation>(topic.topic, limit),
    missing: position => ids(selectEdgesOf.all<{ dependency: Uint8Array }>(position)),
    count: topic => countWaiting.get<{ count: number }>(topic.topic)?.count ?? 0,
    countAll: () => countAll.get<{ count: number }>()?.count ?? 0,
    countWaived: () => countWaived.get<{ count: number }>()?.count ?? 0,
    missed: position => ids(selectMissed.all<{ dependency: Uint8Array }>(position)),
    wasWaived: id => selectWasWaived.get(idBytes(id)) !== undefined,
    hasEdges: () => anyEdge.get() !== undefined,
    hasWaived: () => anyWaived.get() !== undefined,
    frontier: topic =>
      selectFrontier.all<{ id: Uint8Array }>(topic.topic).map(row => idFromBytes<OperationId>(row.id, 'operation id')),
    addToFrontier(tx, topic, id) {
      assertOpen(tx)
      insertFrontier.run(topic.topic, idBytes(id))
    },
    removeFromFrontier(tx, topic, id) {
      assertOpen(tx)
      deleteFrontier.run(topic.topic, idBytes(id))
    },
    pruning(tx, topic, log, seqNum) {
      assertOpen(tx)
      const awaited = ids(selectAwaitedBelow.all<{ dependency: Uint8Array }>(log, seqNum))
      rememberBelow.run(log, seqNum, REMEMBERED_PRUNED)
      trimPruned.run(REMEMBERED_PRUNED)
      edgesBelow.run(log, seqNum)
      waivedBelow.run(log, seqNum)
      addToCount.run(-waitingBelow.run(log, seqNum), topic.topic)
      dropFrontierBelow.run(topic.topic, log, seqNum)
      return awaited
    },
    wasPruned: id => selectWasPruned.get(idBytes(id)) !== undefined,
  }
}

function ids(rows: readonly { readonly dependency: Uint8Array }[]): readonly OperationId[] {
  return rows.map(row => idFromBytes<OperationId>(row.dependency, 'dependency'))
}
