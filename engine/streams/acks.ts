/**
 * Acknowledgements of all consumers of a node, committed in groups: they ride in whatever transaction comes next, or in
 * one of their own after a moment. Marks only grow, so a group keeps no more than one mark per consumer and log.
 */

import { isThicketError } from '../core/index.js'
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
  /** Keeps an operation out of every mark, until it is acknowledged itself. */
  except(consumer: ConsumerRow, log: number, seqNum: number): void
  /** Writes what waits into a transaction that is about to commit. */
  ride(tx: Transaction): void
  /** Commits what waits now. */
  flush(): void
  /** Discards the timer; what waits is lost, as in a crash. */
  stop(): void
}

interface Group {
  readonly marks: Map<ConsumerRow, Map<number, Set<number>>>
  readonly exceptions: { readonly consumer: ConsumerRow; readonly log: number; readonly seqNum: number }[]
  readonly done: AckDone[]
}

export function createAcks(store: Store, clock: Clock): Acks {
  let group = emptyGroup()
  let timer: Timer | null = null

  function arm(): void {
    timer ??= clock.after(ACK_GROUP_MS, flush)
  }

  function flush(): void {
    timer?.cancel()
    timer = null
    if (isEmpty(group)) return
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
    for (const [consumer, logs] of riding.marks) {
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
      const logs = group.marks.get(consumer) ?? new Map<number, Set<number>>()
      group.marks.set(consumer, logs)
      const known = logs.get(log)
      if (known) known.add(seqNum)
      else logs.set(log, new Set([seqNum]))
      if (done) group.done.push(done)
      arm()
    },
    commit(consumer, log, seqNum, work) {
      store.transact(tx => {
        runAppWork(store.database, work)
        store.consumers.removeException(tx, consumer, log, seqNum)
        store.consumers.raise(tx, consumer, log, seqNum)
        ride(tx)
      })
    },
    except(consumer, log, seqNum) {
      group.exceptions.push({ consumer, log, seqNum })
      arm()
    },
    ride,
    flush,
    stop() {
      timer?.cancel()
      timer = null
    },
  }
}

function emptyGroup(): Group {
  return { marks: new Map(), exceptions: [], done: [] }
}

function isEmpty(group: Group): boolean {
  return group.marks.size === 0 && group.exceptions.length === 0
}
