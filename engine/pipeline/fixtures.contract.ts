/** For tests: a clock that stands until it is moved, authors by number, and a pipeline on a fresh database. */

import { openBetterSqlite } from '../adapters/better-sqlite.js'
import {
  type Extensions,
  forgeHeader,
  type Header,
  LogId,
  type Operation,
  type OperationId,
  portableCrypto,
  SigningKey,
  Topic,
} from '../core/index.js'
import type { Clock, Timer } from '../ports.js'
import { openStore, type Store, type StoreLimits, type TopicRow } from '../store/index.js'
import { type Committed, createPipeline, type Judged, type Pipeline } from './index.js'

export const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))
export const OTHER_TOPIC = Topic.fromBytes(new Uint8Array(32).fill(8))

/** Always the same key for the same number. */
export function author(number: number): SigningKey {
  return SigningKey.fromBytes(new Uint8Array(32).fill(number))
}

export class ManualClock implements Clock {
  ms = 0
  wall = 1_788_000_000_000_000n
  readonly #timers: { readonly atMs: number; readonly order: number; readonly callback: () => void }[] = []
  #order = 0

  nowMs(): number {
    return this.ms
  }

  wallUs(): bigint {
    return this.wall
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.ms + delayMs, order: this.#order++, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        const at = this.#timers.indexOf(timer)
        if (at >= 0) this.#timers.splice(at, 1)
      },
    }
  }

  /** Moves on and runs what has become due, in order. */
  advance(ms: number): void {
    const until = this.ms + ms
    for (;;) {
      const due = this.#timers.filter(timer => timer.atMs <= until)
      const next = due.sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0]
      if (!next) break
      this.#timers.splice(this.#timers.indexOf(next), 1)
      this.ms = Math.max(this.ms, next.atMs)
      next.callback()
    }
    this.ms = until
  }
}

export interface OperationSpec {
  readonly seqNum: number
  readonly backlink?: OperationId | null
  readonly body?: string | null
  readonly prune?: boolean
  readonly topic?: Topic
  readonly extensions?: Extensions
}

/** A signed operation, in its log or anywhere else. */
export function operation(key: SigningKey, spec: OperationSpec): Operation {
  const text = spec.body === undefined ? `body ${spec.seqNum}` : spec.body
  const body = text === null ? null : new TextEncoder().encode(text)
  const header: Header = forgeHeader(portableCrypto, key, {
    payload: body,
    seqNum: spec.seqNum,
    backlink: spec.backlink ?? null,
    extensions: spec.extensions ?? {
      variant: 'basic',
      logId: LogId.ofTopic(spec.topic ?? TOPIC),
      timestamp: 1_788_000_000_000_000n + BigInt(spec.seqNum),
      prune: spec.prune ?? false,
    },
  })
  return { id: header.id, header, body }
}

/** Consecutive operations of one log from sequence number 0; those whose numbers are named prune. */
export function chain(key: SigningKey, length: number, prunesAt: readonly number[] = [], salt = ''): Operation[] {
  const operations: Operation[] = []
  for (let seqNum = 0; seqNum < length; seqNum++) {
    const backlink = operations[seqNum - 1]?.id ?? null
    operations.push(
      operation(key, { seqNum, backlink, body: `body ${seqNum}${salt}`, prune: prunesAt.includes(seqNum) }),
    )
  }
  return operations
}

export interface PipelineFixture {
  readonly store: Store
  readonly clock: ManualClock
  readonly pipeline: Pipeline<string>
  readonly topic: TopicRow
  readonly committed: Committed<string>[]
  /** Receives operations in one batch and gives the verdicts. */
  receive(
    operations: readonly { readonly header: { readonly bytes: Uint8Array }; readonly body: Uint8Array | null }[],
  ): readonly Judged[]
  seqNums(key: SigningKey): readonly number[]
}

/** @param path of the database; in memory by default */
export function pipelineFixture(limits?: StoreLimits, path = ':memory:'): PipelineFixture {
  const store = openStore(openBetterSqlite(path), limits)
  const clock = new ManualClock()
  const committed: Committed<string>[] = []
  const pipeline = createPipeline<string>({
    store,
    crypto: portableCrypto,
    clock,
    signingKey: author(1),
    onCommitted: batch => committed.push(batch),
    onCommitting: () => {},
  })
  const topic = store.transact(tx => store.logs.ensureTopic(tx, TOPIC, LogId.ofTopic(TOPIC)))
  return {
    store,
    clock,
    pipeline,
    topic,
    committed,
    receive(operations) {
      let judged: readonly Judged[] = []
      pipeline.receive(
        topic,
        'test',
        operations.map(({ header, body }) => ({ header: header.bytes, body })),
        verdicts => {
          judged = verdicts
        },
      )
      return judged
    },
    seqNums(key) {
      const log = store.logs.findLog(topic, key.verifyingKey)
      return log ? store.operations.range(log.log, null, 0xffff_ffff, 10_000).map(row => row.seqNum) : []
    },
  }
}
