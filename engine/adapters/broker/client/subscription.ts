/**
 * What a consumer reads, as an async iterable that outlives connections. The broker sends again what it has no
 * acknowledgement for; what the app has in its hands already, or has acknowledged, does not come to it a second time in
 * the life of this subscription.
 */

import type { BrokerError } from './errors.js'
import { CONTROL_EVENTS, REMEMBERED_ACKS } from './limits.js'
import type { BrokerEvent, BrokerOperation, From } from './messages.js'

type ProcessedEvent = Extract<BrokerEvent, { readonly type: 'processed' }>

export interface ClientOperation<Message> extends Omit<BrokerOperation, 'message'> {
  readonly message: Message
  /** The broker need not send it again. Lost with the connection, it is said again when the message comes again. */
  ack(): void
}

export type ClientEvent<Message> =
  | (Omit<ProcessedEvent, 'operation'> & { readonly operation: ClientOperation<Message> })
  | Exclude<BrokerEvent, ProcessedEvent>

export interface SubscriptionOptions {
  readonly topic: string
  readonly consumer: string
  readonly from: From
  readonly window: number
  sendAck(id: string): void
  onClosed(): void
}

export class ClientSubscription<Message> implements AsyncIterable<ClientEvent<Message>> {
  readonly topic: string
  readonly consumer: string
  readonly window: number
  readonly #options: SubscriptionOptions
  readonly #queue: ClientEvent<Message>[] = []
  /** In the app's hands, not acknowledged. */
  readonly #held = new Set<string>()
  readonly #acknowledged = new Set<string>()
  #controls = 0
  #hasBegun = false
  #isOver = false
  #error: BrokerError | null = null
  readonly #wakes: (() => void)[] = []

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.topic = options.topic
    this.consumer = options.consumer
    this.window = options.window
  }

  /**
   * Where a new connection begins. A start is for the first time: once something came, the broker knows where this consumer
   * stands, and before that there is nothing to lose. A cursor holds for all of them, since it moves no acknowledgement.
   */
  get from(): From {
    const { from } = this.#options
    return from === 'start' && this.#hasBegun ? 'frontier' : from
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** What was queued from a connection that is gone comes again. */
  rewind(): void {
    const controls = this.#queue.filter(event => event.type !== 'processed')
    this.#queue.splice(0, this.#queue.length, ...controls)
  }

  push(event: BrokerEvent): void {
    if (this.#isOver) return
    this.#hasBegun = true
    if (isProcessed(event)) {
      const { id } = event.operation
      if (this.#acknowledged.has(id)) this.#options.sendAck(id)
      else if (!this.#held.has(id)) this.#queue.push(this.#handed(event))
    } else {
      if (this.#controls >= CONTROL_EVENTS) this.#dropControl()
      this.#controls += 1
      this.#queue.push(event)
    }
    this.#wake()
  }

  /** Acknowledges by id; harmless for one that was acknowledged. */
  ack(id: string): void {
    if (this.#isOver || this.#acknowledged.has(id)) return
    this.#held.delete(id)
    this.#acknowledged.add(id)
    if (this.#acknowledged.size > REMEMBERED_ACKS) {
      for (const oldest of this.#acknowledged) {
        this.#acknowledged.delete(oldest)
        break
      }
    }
    this.#options.sendAck(id)
  }

  /** Ends it; what is not acknowledged comes again with the next subscription of this consumer. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#queue.length = 0
    this.#options.onClosed()
    this.#wake()
  }

  /** The broker has ended it: the iteration throws once what came before is read. */
  fail(error: BrokerError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#error = error
    this.#wake()
  }

  [Symbol.asyncIterator](): AsyncIterator<ClientEvent<Message>, undefined> {
    return { next: () => this.#next(), return: async () => ({ done: true, value: undefined }) }
  }

  async #next(): Promise<IteratorResult<ClientEvent<Message>, undefined>> {
    for (;;) {
      const event = this.#queue.shift()
      if (event) {
        if (isHanded(event)) this.#held.add(event.operation.id)
        else this.#controls -= 1
        return { done: false, value: event }
      }
      if (this.#error) throw this.#error
      if (this.#isOver) return { done: true, value: undefined }
      await new Promise<void>(resolve => this.#wakes.push(resolve))
    }
  }

  #handed(event: ProcessedEvent): ClientEvent<Message> {
    const { message, ...operation } = event.operation
    return { ...event, operation: { ...operation, message: message as Message, ack: () => this.ack(operation.id) } }
  }

  #dropControl(): void {
    const at = this.#queue.findIndex(event => event.type !== 'processed')
    if (at < 0) return
    this.#queue.splice(at, 1)
    this.#controls -= 1
  }

  #wake(): void {
    for (const wake of this.#wakes.splice(0)) wake()
  }
}

function isProcessed(event: BrokerEvent): event is ProcessedEvent {
  return event.type === 'processed'
}

function isHanded<Message>(
  event: ClientEvent<Message>,
): event is Extract<ClientEvent<Message>, { readonly type: 'processed' }> {
  return event.type === 'processed'
}
