/**
 * Binds one session to the world: carries out its effects on a connection, a source, a sink and a clock, and feeds back
 * what came of them. Inputs that arrive while one is being processed wait their turn, so nothing is ever re-entered.
 */

import { invariant, type ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Role, Stream, Timer } from '../ports.js'
import type { SessionMetrics, SyncEvent, SyncSink, SyncSource } from './interfaces.js'
import type { SyncLimits } from './limits.js'
import { step } from './session.js'
import { createSession, type SessionPhase } from './session-state.js'
import type { SessionConfig, SessionEffect, SessionInput, StreamName } from './session-types.js'

export interface RunnerConfig {
  readonly sessionId: number
  readonly connection: Connection
  /** What to ask for; null for a connection that the remote opened. */
  readonly topic: Topic | null
  readonly live: SessionConfig['live']
  readonly window?: SessionConfig['window']
  readonly limits: SyncLimits
  readonly clock: Clock
  readonly source: SyncSource
  readonly sink: SyncSink
  /** Whether the remote may sync this topic over this connection, now that it has named it. */
  admit(topic: Topic, runner: Runner): boolean
  listener(event: SyncEvent): void
  /** Called once, last of all. */
  onEnded(runner: Runner, error: ThicketError | null): void
}

export interface Runner {
  readonly sessionId: number
  readonly remote: VerifyingKey
  readonly role: Role
  /** Null until the remote has named it. */
  readonly topic: Topic | null
  readonly phase: SessionPhase
  readonly metrics: SessionMetrics
  /** Whether the sync phase was completed. */
  readonly completed: boolean
  /** Whether it left out what its window did not hold, and so is to be begun again. */
  readonly partial: boolean
  /** Whether the remote has answered with its totals: it takes part in this session. */
  readonly started: boolean
  readonly wireBytes: { readonly sent: number; readonly received: number }
  start(): void
  /** New operations of the topic lie in the store. */
  stored(): void
  /** Ends the session in order, or at once without waiting for the remote. */
  close(wait: boolean): void
}

type Untimed<Input> = Input extends unknown ? Omit<Input, 'nowMs'> : never

/** Code of all closes, as in p2panda: nothing is told to the remote beyond that it is over. */
const CLOSE_CODE = 0

export function createRunner(config: RunnerConfig): Runner {
  const { connection, clock, source, sink, sessionId, window } = config
  const remote = connection.remote
  const session = createSession({
    role: connection.role,
    topic: config.topic,
    live: config.live,
    ...(window === undefined ? {} : { window }),
    limits: config.limits,
  })
  const streams: { [Name in StreamName]: Stream | null } = { handshake: null, sync: null }
  const wireBytes = { sent: 0, received: 0 }
  const inputs: Untimed<SessionInput>[] = []
  let running = false
  let started = false
  let completed = false
  let exchanging = false
  let timer: Timer | null = null
  /** A stream that said stop; nothing is writable before it has drained. */
  let draining: StreamName | null = null
  /** The Have of an acceptor, ready before the remote has opened the second stream. */
  let early: Uint8Array | null = null

  const runner: Runner = {
    sessionId,
    remote,
    role: connection.role,
    get topic() {
      return session.topic
    },
    get phase() {
      return session.phase
    },
    get metrics() {
      return { ...session.metrics }
    },
    get completed() {
      return completed
    },
    get partial() {
      return session.partial
    },
    get started() {
      return started
    },
    wireBytes,
    start() {
      connection.onStream(adopt)
      connection.onClose(() => feed({ type: 'lost', stream: 'connection' }))
      feed({ type: 'start' })
    },
    stored: () => feed({ type: 'stored' }),
    close: wait => feed({ type: 'close', wait }),
  }

  function feed(input: Untimed<SessionInput>): void {
    inputs.push(input)
    if (running) return
    running = true
    try {
      for (let next = inputs.shift(); next; next = inputs.shift()) {
        const effects = step(session, { ...next, nowMs: clock.nowMs() } as SessionInput)
        let wrote: 'nothing' | 'more' | 'stop' = 'nothing'
        for (const effect of effects) {
          if (effect.type !== 'write') carryOut(effect)
          else if (!writeTo(effect.stream, effect.bytes)) wrote = 'stop'
          else if (wrote === 'nothing') wrote = 'more'
        }
        if (wrote === 'more' && draining === null) inputs.push({ type: 'writable' })
      }
    } finally {
      running = false
    }
  }

  /** The first stream that the remote opens is the handshake, the second the exchange; more there are not. */
  function adopt(stream: Stream): void {
    const name = connection.role === 'initiator' ? null : streams.handshake === null ? 'handshake' : 'sync'
    if (name === null || streams[name] !== null || stream.kind !== 'bi') stream.abort(CLOSE_CODE)
    else bind(name, stream)
  }

  function bind(name: StreamName, stream: Stream): void {
    streams[name] = stream
    stream.onData(bytes => {
      wireBytes.received += bytes.length
      feed({ type: 'data', stream: name, bytes })
    })
    stream.onEnd(() => feed({ type: 'end', stream: name }))
    stream.onAbort(() => feed({ type: 'lost', stream: name }))
    stream.onDrain(() => {
      if (draining !== name) return
      draining = null
      feed({ type: 'writable' })
    })
    if (name === 'sync' && early !== null) {
      const bytes = early
      early = null
      writeTo(name, bytes)
    }
  }

  function writeTo(name: StreamName, bytes: Uint8Array): boolean {
    const stream = streams[name]
    if (stream === null) {
      invariant(early === null, 'an acceptor can say no more than its Have before the second stream is there')
      early = bytes
      return true
    }
    wireBytes.sent += bytes.length
    const more = stream.write(bytes)
    if (!more) draining = name
    return more
  }

  function carryOut(effect: Exclude<SessionEffect, { type: 'write' }>): void {
    switch (effect.type) {
      case 'open':
        bind(effect.stream, connection.openBi())
        break
      case 'end-stream':
        streams[effect.stream]?.end()
        break
      case 'pause':
        streams.sync?.pause()
        break
      case 'resume':
        streams.sync?.resume()
        break
      case 'admit':
        inputs.push({ type: 'admitted', admitted: config.admit(effect.topic, runner) })
        break
      case 'read-heights':
        exchanging = true
        inputs.push({ type: 'heights', ...source.heights(session.topic!, remote) })
        break
      case 'measure':
        inputs.push({ type: 'measured', ...source.measure(effect.ranges) })
        break
      case 'read-range':
        inputs.push({ type: 'page', operations: source.readRange(effect.range, effect.limit, effect.maxBytes) })
        break
      case 'read-after': {
        const operations = source.readAfter(session.topic!, effect.position, effect.limit, effect.maxBytes, remote)
        inputs.push({ type: 'page', operations })
        break
      }
      case 'deliver': {
        const from = { topic: session.topic!, remote, sessionId, phase: effect.phase, metrics: effect.metrics }
        const more = sink.receive(from, effect.operations, outcomes => feed({ type: 'outcomes', outcomes }))
        if (!more) inputs.push({ type: 'sink-full' })
        break
      }
      case 'more':
        inputs.push({ type: 'more' })
        break
      case 'deadline': {
        const { atMs } = effect
        timer?.cancel()
        timer = atMs === null ? null : clock.after(Math.max(0, atMs - clock.nowMs()), () => feed({ type: 'deadline' }))
        break
      }
      case 'sync-started':
        started = true
        tell('sync-started', effect.metrics)
        break
      case 'sync-finished':
        completed = true
        tell('sync-finished', effect.metrics)
        break
      case 'live-started':
        break
      case 'ended':
        end(effect.error, effect.metrics)
        break
    }
  }

  function tell(type: 'sync-started' | 'sync-finished', metrics: SessionMetrics): void {
    config.listener({ type, topic: session.topic!, remote, sessionId, metrics })
  }

  function end(error: ThicketError | null, metrics: SessionMetrics): void {
    connection.close(CLOSE_CODE)
    // A topic that the other side does not sync is no session of that topic's streams.
    if (exchanging && (started || error?.code !== 'topic-unknown')) {
      config.listener({ type: 'session-ended', topic: session.topic!, remote, sessionId, metrics, error })
    }
    config.onEnded(runner, error)
  }

  return runner
}
