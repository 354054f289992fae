/**
 * Acknowledgements of all consumers of a node, committed in groups: they ride in whatever transaction comes next, or in
 * one of their own after a moment. Marks only grow, so a group keeps no more than one mark per consumer and log.
 */

import { isThicketError, ThicketError } from '../core/index.js'
import type { Clock, Timer } from '../ports.js'
import type { ConsumerRow, Store, Transaction } from '../store/index.js'
import { type AppWork, runAppWork } from './app-transaction.js'
import { ACK_GROUP_MS } from './limits.js'

export type AckDone = (error: Error | null) => void

export interface Acks {
  /** `done` is called once, when the group is durable or has failed. */
  acknowledge(consumer: ConsumerRow, log: number, seqNum: number, done?: AckDone): void
  /** Acknowledges in a transaction of its own, together with the app's work; both are durable on return, or neither. */
  commit(consumer: ConsumerRow, log: number, seqNum: number, work: AppWork): void
  /** Keeps an operation out of every later mark, until it is acknowledged itself; one that is acknowledged stays so. */
  except(consumer: ConsumerRow, log: number, seqNum: number): void
  /** Writes what waits into a transaction that is about to commit. */
  ride(tx: Transaction): void
  /** Commits what waits now; within a transaction, as from the app's work in `process`, a moment later. */
  flush(): void
  /** As `flush`; `done` is called when all that waited is durable or has failed. */
  settle(done: AckDone): void
  /** Discards the timer; what waits is lost, as in a crash, and what comes later is refused with `node-closed`. */
  stop(): void
  readonly stopped: boolean
}

interface Group {
  readonly marks: Map<number, { readonly consumer: ConsumerRow; readonly logs: Map<number, Set<number>> }>
  readonly exceptions: { readonly consumer: ConsumerRow; readonly log: number; readonly seqNum: number }[]
  readonly done: AckDone[]
}

export function createAcks(store: Store, clock: Clock): Acks {
  let group = emptyGroup()
  let timer: Timer | null = null
  let stopped = false

  function arm(): void {
    timer ??= clock.after(ACK_GROUP_MS, flush)
  }

  function flush(): void {
    timer?.cancel()
    timer = null
    if (isEmpty(group)) return
    if (store.isTransacting()) {
      arm()
      return
    }
    const committing = group
    try {
      store.transact(ride)
    } catch (error) {
      if (!isThicketError(error)) throw error
      group = emptyGroup()
      for (const done of committing.done) done(error)
    }
  }

  function ride(tx: Transaction): void {
    if (isEmpty(group)) return
    const riding = group
    for (const { consumer, log, seqNum } of riding.exceptions) store.consumers.addException(tx, consumer, log, seqNum)
    for (const { consumer, logs } of riding.marks.values()) {
      for (const [log, seqNums] of logs) {
        let highest = 0
        for (const seqNum of seqNums) {
          highest = Math.max(highest, seqNum)
          store.consumers.removeException(tx, consumer, log, seqNum)
        }
        store.consumers.raise(tx, consumer, log, highest)
      }
    }
    // Only a commit takes the group away: when this transaction rolls back, the next one carries it.
    tx.afterCommit(() => {
      group = emptyGroup()
      timer?.cancel()
      timer = null
      for (const done of riding.done) done(null)
    })
  }

  return {
    acknowledge(consumer, log, seqNum, done) {
      if (stopped) {
        done?.(nodeClosed())
        return
      }
      const marks = group.marks.get(consumer.consumer) ?? { consumer, logs: new Map<number, Set<number>>() }
      group.marks.set(consumer.consumer, marks)
      const known = marks.logs.get(log)
      if (known) known.add(seqNum)
      else marks.logs.set(log, new Set([seqNum]))
      if (done) group.done.push(done)
      arm()
    },
    commit(consumer, log, seqNum, work) {
      if (stopped) throw nodeClosed()
      store.transact(tx => {
        runAppWork(store.database, work)
        // What waits comes first: an exception among it must be there before the mark passes it.
        ride(tx)
        store.consumers.removeException(tx, consumer, log, seqNum)
        store.consumers.raise(tx, consumer, log, seqNum)
      })
    },
    except(consumer, log, seqNum) {
      if (stopped) return
      const waiting = group.marks.get(consumer.consumer)?.logs.get(log)
      if (waiting && [...waiting].some(acknowledged => acknowledged >= seqNum)) return
      group.exceptions.push({ consumer, log, seqNum })
      arm()
    },
    ride,
    flush,
    settle(done) {
      if (isEmpty(group)) {
        done(null)
        return
      }
      group.done.push(done)
      flush()
    },
    stop() {
      stopped = true
      timer?.cancel()
      timer = null
    },
    get stopped() {
      return stopped
    },
  }
}

export function nodeClosed(): ThicketError {
  return new ThicketError('node-closed', 'the node is closed')
}

function emptyGroup(): Group {
  return { marks: new Map(), exceptions: [], done: [] }
}

function isEmpty(group: Group): boolean {
  return group.marks.size === 0 && group.exceptions.length === 0
}
