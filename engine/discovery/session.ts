/**
 * Binds one discovery session to a connection: carries out the effects of the state machine and feeds back what came of
 * them. Alice opens the one stream of a session, Bob takes the first that comes and no other.
 */

import type { ThicketError, Topic, VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Role, Stream, Timer } from '../ports.js'
import { createPsi, type PsiConfig, type PsiEffect, type PsiInput, type PsiResult, stepPsi } from './psi.js'
import type { NodeRecord, ToldRecord } from './psi-wire.js'

export interface SessionConfig {
  readonly connection: Connection
  readonly clock: Clock
  readonly psi: Omit<PsiConfig, 'role'>
  /** The records that the remote is to be told of, when it has told of these. */
  share(common: readonly Topic[], told: readonly ToldRecord[]): readonly NodeRecord[]
  /** Either of the two is called, once. The connection may still be open after a result. */
  onResult(result: PsiResult): void
  onFailure(error: ThicketError): void
  /** Called once, last of all. */
  onEnded(): void
}

export interface DiscoverySession {
  readonly remote: VerifyingKey
  readonly role: Role
  readonly bytes: { readonly sent: number; readonly received: number }
  start(): void
  /** Ends it at once and says nothing more to anybody. */
  abandon(): void
}

type Untimed<Input> = Input extends unknown ? Omit<Input, 'nowMs'> : never

/** Code of all closes, as in p2panda: nothing is told to the remote beyond that it is over. */
const CLOSE_CODE = 0

export function createDiscoverySession(config: SessionConfig): DiscoverySession {
  const { connection, clock } = config
  const psi = createPsi({ ...config.psi, role: connection.role })
  const bytes = { sent: 0, received: 0 }
  let stream: Stream | null = null
  let timer: Timer | null = null
  let hasEnded = false

  function feed(input: Untimed<PsiInput>): void {
    if (hasEnded) return
    const effects = stepPsi(psi, { ...input, nowMs: clock.nowMs() } as PsiInput)
    for (const effect of effects) carryOut(effect)
  }

  function carryOut(effect: PsiEffect): void {
    switch (effect.type) {
      case 'write':
        // A session says three things at most, each only when the other has answered: nothing piles up.
        bytes.sent += effect.bytes.length
        stream?.write(effect.bytes)
        break
      case 'share':
        feed({ type: 'nodes', records: config.share(effect.common, effect.told) })
        break
      case 'deadline': {
        const { atMs } = effect
        timer?.cancel()
        timer = atMs === null ? null : clock.after(Math.max(0, atMs - clock.nowMs()), () => feed({ type: 'deadline' }))
        break
      }
      case 'end-stream':
        stream?.end()
        break
      case 'finished':
        config.onResult(effect.result)
        break
      case 'failed':
        config.onFailure(effect.error)
        break
      case 'close':
        end()
        break
    }
  }

  function bind(opened: Stream): void {
    stream = opened
    opened.onData(chunk => {
      bytes.received += chunk.length
      feed({ type: 'data', bytes: chunk })
    })
    opened.onEnd(() => feed({ type: 'end' }))
    opened.onAbort(() => feed({ type: 'lost' }))
  }

  function adopt(opened: Stream): void {
    if (connection.role === 'initiator' || stream !== null || opened.kind !== 'bi') opened.abort(CLOSE_CODE)
    else bind(opened)
  }

  function end(): void {
    if (hasEnded) return
    hasEnded = true
    timer?.cancel()
    connection.close(CLOSE_CODE)
    config.onEnded()
  }

  return {
    remote: connection.remote,
    role: connection.role,
    bytes,
    start() {
      connection.onStream(adopt)
      connection.onClose(() => feed({ type: 'lost' }))
      if (connection.role === 'initiator') bind(connection.openBi())
      feed({ type: 'start' })
    },
    abandon() {
      hasEnded = true
      timer?.cancel()
      connection.close(CLOSE_CODE)
    },
  }
}
