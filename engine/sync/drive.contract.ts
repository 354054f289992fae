/** Drives one session by hand: carries out its effects on a fake store and keeps what it wrote and said. */

import { concatBytes, encodeFrame, FrameDecoder, type ThicketError, type Topic } from '../core/index.js'
import type { Role } from '../ports.js'
import { type FakeStore, keyOf, TOPIC } from './fakes.contract.js'
import type { SessionMetrics } from './interfaces.js'
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from './limits.js'
import { step } from './session.js'
import { createSession, type Session } from './session-state.js'
import type { SessionEffect, SessionInput, StreamName } from './session-types.js'
import { encodeHandshake, encodeSync, type SyncMessage } from './wire.js'

export interface DriveOptions {
  readonly role: Role
  readonly store: FakeStore
  readonly topic?: Topic
  readonly live?: boolean
  readonly limits?: Partial<SyncLimits>
}

type Untimed<Input> = Input extends unknown ? Omit<Input, 'nowMs'> : never
type Event = Extract<SessionEffect, { type: 'sync-started' | 'sync-finished' | 'live-started' | 'ended' }>

export class Drive {
  readonly session: Session
  readonly store: FakeStore
  readonly role: Role
  readonly written: { handshake: Uint8Array[]; sync: Uint8Array[] } = { handshake: [], sync: [] }
  readonly halfClosed = new Set<StreamName>()
  readonly events: Event[] = []
  /** Sizes of the batches and pages, to see that they stay within their limits. */
  readonly batches: number[] = []
  /** Where live mode read on. */
  readonly positions: number[] = []
  deadlineMs: number | null = null
  paused = false
  nowMs = 0
  /** Whether a write is answered by `writable` at once. */
  writable = true
  onWrite: (stream: StreamName, bytes: Uint8Array) => void = () => {}
  readonly #inputs: Untimed<SessionInput>[] = []
  #running = false

  constructor(options: DriveOptions) {
    this.store = options.store
    this.role = options.role
    this.session = createSession({
      role: options.role,
      topic: options.role === 'initiator' ? (options.topic ?? TOPIC) : null,
      live: options.live ?? true,
      limits: { ...DEFAULT_SYNC_LIMITS, ...options.limits },
    })
  }

  get ended(): boolean {
    return this.session.phase === 'ended'
  }

  /** The code of the error it ended with, null after a good end, undefined while it lives. */
  get outcome(): string | null | undefined {
    const error = this.error
    return error === undefined ? undefined : (error?.code ?? null)
  }

  get error(): ThicketError | null | undefined {
    for (const event of this.events) if (event.type === 'ended') return event.error
    return undefined
  }

  metricsOf(type: Event['type']): SessionMetrics | undefined {
    for (const event of this.events) if (event.type === type && event.type !== 'live-started') return event.metrics
    return undefined
  }

  frames(stream: StreamName): Uint8Array[] {
    const decoder = new FrameDecoder()
    decoder.push(concatBytes(...this.written[stream]))
    const frames: Uint8Array[] = []
    for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(encodeFrame(frame))
    decoder.finish()
    return frames
  }

  feed(input: Untimed<SessionInput>): this {
    this.#inputs.push(input)
    if (this.#running) return this
    this.#running = true
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) {
      const effects = step(this.session, { ...next, nowMs: this.nowMs } as SessionInput)
      for (const effect of effects) this.#carryOut(effect)
      if (this.writable && effects.some(({ type }) => type === 'write')) this.#inputs.push({ type: 'writable' })
    }
    this.#running = false
    return this
  }

  data(stream: StreamName, ...chunks: Uint8Array[]): this {
    for (const bytes of chunks) this.feed({ type: 'data', stream, bytes })
    return this
  }

  sync(...messages: SyncMessage[]): this {
    return this.data('sync', ...messages.map(message => encodeFrame(encodeSync(message))))
  }

  /** Plays the remote's half of the handshake, up to the exchange of logs. */
  open(topic: Topic = TOPIC): this {
    const done = encodeFrame(encodeHandshake({ type: 'done' }))
    this.feed({ type: 'start' })
    if (this.role === 'initiator') return this.data('handshake', done)
    return this.data('handshake', encodeFrame(encodeHandshake({ type: 'topic', topic })), done)
  }

  /** Lets time pass up to the deadline that the session asked for, if it lies that near. */
  wait(ms: number): this {
    const endMs = this.nowMs + ms
    while (this.deadlineMs !== null && this.deadlineMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.deadlineMs)
      this.deadlineMs = null
      this.feed({ type: 'deadline' })
    }
    this.nowMs = endMs
    return this
  }

  #carryOut(effect: SessionEffect): void {
    const { store } = this
    switch (effect.type) {
      case 'open':
        break
      case 'write':
        this.written[effect.stream].push(effect.bytes)
        this.onWrite(effect.stream, effect.bytes)
        break
      case 'end-stream':
        this.halfClosed.add(effect.stream)
        break
      case 'pause':
      case 'resume':
        this.paused = effect.type === 'pause'
        break
      case 'admit':
        this.#inputs.push({ type: 'admitted', admitted: store.served })
        break
      case 'read-heights':
        this.#inputs.push({ type: 'heights', ...store.heights() })
        break
      case 'measure':
        this.#inputs.push({ type: 'measured', ...store.measure(effect.ranges) })
        break
      case 'read-range':
        this.#inputs.push({ type: 'page', operations: store.readRange(effect.range, effect.limit, effect.maxBytes) })
        break
      case 'read-after':
        this.positions.push(effect.position)
        this.#inputs.push({
          type: 'page',
          operations: store.readAfter(TOPIC, effect.position, effect.limit, effect.maxBytes, keyOf(1)),
        })
        break
      case 'deliver': {
        this.batches.push(effect.operations.length)
        const from = { topic: TOPIC, remote: store.name, sessionId: 0, phase: effect.phase, metrics: effect.metrics }
        const more = store.receive(from, effect.operations, outcomes => this.feed({ type: 'outcomes', outcomes }))
        if (!more) this.#inputs.push({ type: 'sink-full' })
        break
      }
      case 'deadline':
        this.deadlineMs = effect.atMs
        break
      case 'more':
        this.#inputs.push({ type: 'more' })
        break
      default:
        this.events.push(effect)
    }
  }
}
