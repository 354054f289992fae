/**
 * One reader of a topic. It pulls: operations come from the store by order of release, a page at a time, so a slow
 * reader costs no memory and no publisher ever waits for one. Only control events are queued, each with the place
 * after which it belongs, and that queue is bounded.
 */

import { type Header, invariant, isThicketError, type OperationId, ThicketError } from '../core/index.js'
import { checkStoredBody, storedHeader } from '../pipeline/index.js'
import type { ConsumerRow, Store, StoredOperation, TopicRow } from '../store/index.js'
import { type Acks, nodeClosed } from './acks.js'
import type { AppWork } from './app-transaction.js'
import type { Codec } from './codec.js'
import type { ControlEvent, LocalStore, ProcessedOperation, Source, StreamEvent } from './events.js'
import { CONTROL_EVENTS, PAGE_OPERATIONS } from './limits.js'
import { lastRank, type ReplayPlan } from './start.js'

export type AckPolicy = 'automatic' | 'explicit'

export interface SubscriptionOptions<Message> {
  readonly store: Store
  readonly topic: TopicRow
  readonly consumer: ConsumerRow
  readonly acks: Acks
  readonly codec: Codec<Message>
  readonly ackPolicy: AckPolicy
  readonly plan: ReplayPlan
  /** Where an operation came from, if that is still remembered. */
  readonly sourceOf: (position: number) => Source
  readonly onClosed: () => void
  /** Told when an automatic acknowledgement has become durable. */
  readonly onAcknowledged?: (id: OperationId) => void
}

interface Delivered {
  readonly id: OperationId
  readonly log: number
  readonly seqNum: number
}

/** The synchronous heart of a subscription; the public one wraps it in promises. */
export class Subscription<Message> {
  readonly topic: TopicRow
  readonly consumer: ConsumerRow
  readonly #options: SubscriptionOptions<Message>
  readonly #controls: { readonly after: number; readonly event: ControlEvent }[] = []
  #page: readonly StoredOperation[] = []
  #pageAt = 0
  /** Deletions in the store by the time the page was read. */
  #pageDeletions = 0
  /** Whether anything was ever released without something it names, by the time the page was read. */
  #pageMayMiss = false
  /** Place or position read last, whatever this stream reads by. */
  #rank: number
  #replay: 'pending' | 'running' | 'over'
  #unacknowledged: Delivered | null = null
  #delivered: Delivered | null = null
  #closed = false
  #wake: () => void = () => {}
  droppedControlEvents = 0

  constructor(options: SubscriptionOptions<Message>) {
    this.#options = options
    this.topic = options.topic
    this.consumer = options.consumer
    this.#rank = options.plan.total > 0 ? options.plan.after : options.plan.until
    this.#replay = options.plan.total > 0 ? 'pending' : 'over'
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Called whenever `next` may have something again. */
  onWake(handler: () => void): void {
    this.#wake = handler
  }

  /** New operations lie in the store. */
  wake(): void {
    if (!this.#closed) this.#wake()
  }

  /** Queues a control event behind everything that is released by now. */
  push(event: ControlEvent): void {
    if (this.#closed) return
    if (this.#controls.length >= CONTROL_EVENTS) {
      this.#controls.shift()
      this.droppedControlEvents += 1
    }
    this.#controls.push({ after: lastRank(this.#options.store, this.topic, this.#options.plan.by), event })
    this.#wake()
  }

  /** The next event, or null when there is none yet. Asking acknowledges what was delivered last, where that is automatic. */
  next(): StreamEvent<Message> | null {
    this.#acknowledgeDelivered()
    while (!this.#closed) {
      if (this.#replay === 'pending') {
        this.#replay = 'running'
        return { type: 'replay-started', totalOperations: this.#options.plan.total }
      }
      let operation: StoredOperation | undefined
      try {
        operation = this.#peek()
      } catch (error) {
        if (this.#replay !== 'running' || !isThicketError(error)) throw error
        this.#replay = 'over'
        return { type: 'replay-failed', error }
      }
      if (this.#replay === 'running' && (!operation || this.#rankOf(operation) > this.#options.plan.until)) {
        this.#replay = 'over'
        this.#rank = Math.max(this.#rank, this.#options.plan.until)
        return { type: 'replay-ended' }
      }
      if (this.#replay === 'over') {
        const control = this.#controls[0]
        if (control && (!operation || control.after < this.#rankOf(operation))) {
          this.#controls.shift()
          return control.event
        }
      }
      if (!operation) return null
      this.#pageAt += 1
      this.#rank = this.#rankOf(operation)
      const event = this.#deliver(operation)
      if (event) return event
    }
    return null
  }

  /**
   * Acknowledges an operation of this topic by id, and what comes before it in its log but for `owed`; one that is not
   * stored needs no acknowledgement.
   */
  ack(id: OperationId, done: (error: Error | null) => void, owed: readonly OperationId[] = []): void {
    if (this.#options.acks.stopped) {
      done(nodeClosed())
      return
    }
    const { operations } = this.#options.store
    const found = operations.locate(id)
    for (const other of owed) {
      const place = operations.locate(other)
      if (!found || place?.log !== found.log || place.seqNum >= found.seqNum) continue
      this.#options.acks.except(this.consumer, place.log, place.seqNum)
    }
    if (found?.topic === this.topic.topic) this.#options.acks.acknowledge(this.consumer, found.log, found.seqNum, done)
    else if (!found) done(null)
    else done(new ThicketError('invalid-topic', 'the operation belongs to another topic', { id, topic: this.topic.id }))
  }

  /**
   * Acknowledges what was delivered last, where that is automatic, and ends the subscription. `done` is called when what
   * was acknowledged is durable or has failed.
   */
  close(done: (error: Error | null) => void = () => {}): void {
    if (this.#closed) {
      done(null)
      return
    }
    const delivered = this.#unacknowledged
    this.abandon()
    const { acks, onAcknowledged } = this.#options
    if (delivered) {
      acks.acknowledge(this.consumer, delivered.log, delivered.seqNum, error => {
        if (!error) onAcknowledged?.(delivered.id)
      })
    }
    acks.settle(done)
  }

  /** Ends the subscription and acknowledges nothing. */
  abandon(): void {
    if (this.#closed) return
    this.#closed = true
    this.#unacknowledged = null
    this.#controls.length = 0
    this.#page = []
    this.#options.onClosed()
    this.#wake()
  }

  #peek(): StoredOperation | undefined {
    if (this.#pageAt >= this.#page.length) {
      const { operations, ordering } = this.#options.store
      this.#pageMayMiss = ordering.hasWaived()
      this.#pageDeletions = operations.deletions()
      this.#page =
        this.#options.plan.by === 'place'
          ? operations.afterPlace(this.topic, this.#rank, PAGE_OPERATIONS)
          : operations.afterPosition(this.topic, this.#rank, PAGE_OPERATIONS)
      this.#pageAt = 0
    }
    return this.#page[this.#pageAt]
  }

  #rankOf(stored: StoredOperation): number {
    const rank = stored[this.#options.plan.by]
    invariant(rank !== null, 'only what is released is read by place')
    return rank
  }

  #deliver(stored: StoredOperation): StreamEvent<Message> | null {
    const { store, codec, plan, sourceOf, ackPolicy } = this.#options
    if (stored.body === null) return null
    const isReplay = this.#rankOf(stored) <= plan.until
    if (isReplay && !plan.owes(stored.log, stored.seqNum)) return null
    // A page was read some events ago; what its author has pruned since is no longer owed to anyone.
    const { operations } = store
    if (operations.deletions() !== this.#pageDeletions && !operations.has(stored.id)) return null
    const source: Source = isReplay ? LOCAL_STORE : sourceOf(stored.position)
    let header: Header
    try {
      header = storedHeader(stored.header, stored.id)
      checkStoredBody(stored.body, header, stored.id)
    } catch (error) {
      if (!isThicketError(error)) throw error
      this.#options.acks.except(this.consumer, stored.log, stored.seqNum)
      return { type: 'processing-failed', id: stored.id, author: null, error, source }
    }
    let message: Message
    try {
      message = codec.decode(stored.body)
    } catch (cause) {
      this.#options.acks.except(this.consumer, stored.log, stored.seqNum)
      const error = asError(cause)
      return { type: 'decode-failed', id: stored.id, author: header.author, header, body: stored.body, error, source }
    }
    const at: Delivered = { id: stored.id, log: stored.log, seqNum: stored.seqNum }
    this.#delivered = at
    if (ackPolicy === 'automatic') this.#unacknowledged = at
    return {
      type: 'processed',
      source,
      missing:
        this.#pageMayMiss && header.extensions.variant === 'causal' ? store.ordering.missed(stored.position) : [],
      operation: {
        id: stored.id,
        author: header.author,
        topic: this.topic.id,
        timestamp: header.extensions.timestamp,
        message,
        header,
        ack: work => this.#ack(at, work),
      },
    }
  }

  /**
   * Hands the operation delivered last to the app's work and acknowledges it in the same transaction. When the work
   * throws, the operation stays owed, also below later marks.
   */
  process(operation: ProcessedOperation<Message>, work: AppWork): void {
    const delivered = this.#delivered
    invariant(delivered?.id === operation.id, 'the operation delivered last is processed')
    this.#commit(delivered, work)
  }

  #commit(at: Delivered, work: AppWork): void {
    if (this.#unacknowledged === at) this.#unacknowledged = null
    try {
      this.#options.acks.commit(this.consumer, at.log, at.seqNum, work)
    } catch (error) {
      this.#options.acks.except(this.consumer, at.log, at.seqNum)
      throw error
    }
  }

  async #ack(at: Delivered, work?: AppWork): Promise<void> {
    if (work) return this.#commit(at, work)
    if (this.#unacknowledged === at) this.#unacknowledged = null
    return new Promise<void>((resolve, reject) => {
      this.#options.acks.acknowledge(this.consumer, at.log, at.seqNum, error => (error ? reject(error) : resolve()))
    })
  }

  #acknowledgeDelivered(): void {
    const delivered = this.#unacknowledged
    if (!delivered) return
    this.#unacknowledged = null
    this.#options.acks.acknowledge(this.consumer, delivered.log, delivered.seqNum, error => {
      if (error) this.push({ type: 'ack-failed', id: delivered.id, error })
      else this.#options.onAcknowledged?.(delivered.id)
    })
  }
}

const LOCAL_STORE: LocalStore = { type: 'local-store' }

function asError(cause: unknown): Error {
  if (isThicketError(cause)) return cause
  return new ThicketError('decode-failed', 'the body is no message of this stream', {}, { cause })
}
