/**
 * One side of one topic discovery, as a pure state machine (spec/sync.md 4.1). Alice has opened the connection, Bob has
 * accepted it. Both learn which topics they have in common and nothing of the others but their number, then tell each
 * other of nodes.
 *
 * `binding` goes into every hash. With both node ids in it a third node between the two, who passes their salts and
 * hashes on, ends up with hashes that fit neither side; p2panda leaves it empty.
 *
 * The protocol takes strict turns, so nothing may come before it was asked for: bytes beyond the message that is due
 * end the session.
 */

import { encodeFrame, FrameDecoder, isThicketError, ThicketError, type Topic } from '../core/index.js'
import type { Role } from '../ports.js'
import type { DiscoveryLimits } from './limits.js'
import {
  decodePsi,
  encodeAliceHashes,
  encodeAliceSalt,
  encodeBobHashes,
  encodeNodes,
  type HashedTopics,
  hashTopic,
  hashTopics,
  type NodeRecord,
  type PsiMessage,
  type Salts,
  type ToldRecord,
} from './psi-wire.js'
import type { TransportKind } from './records.js'

export interface PsiConfig {
  readonly role: Role
  /** Topics of this side; kept as they are when the session begins. */
  readonly topics: readonly Topic[]
  /** 32 bytes of chance, good for this session alone. */
  readonly salt: Uint8Array
  readonly binding: Uint8Array
  /** Null where nodes are not told of. */
  readonly kind: TransportKind | null
  readonly limits: DiscoveryLimits
}

/** `closing`: Alice has all and waits for Bob to close. */
export type PsiPhase = 'new' | 'alice-salt' | 'bob-hashes' | 'alice-hashes' | 'nodes' | 'closing' | 'over'

export interface PsiSession {
  readonly config: PsiConfig
  phase: PsiPhase
  decoder: FrameDecoder
  salts: Salts
  common: readonly Topic[]
}

export type PsiInput = { readonly nowMs: number } & (
  | { readonly type: 'start' }
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  /** The answer to `share`. */
  | { readonly type: 'nodes'; readonly records: readonly NodeRecord[] }
  /** The remote has half-closed its stream. */
  | { readonly type: 'end' }
  /** The stream or the connection is gone. */
  | { readonly type: 'lost' }
  | { readonly type: 'deadline' }
)

export interface PsiResult {
  readonly common: readonly Topic[]
  readonly records: readonly ToldRecord[]
}

export type PsiEffect =
  | { readonly type: 'write'; readonly bytes: Uint8Array }
  /** Which nodes are to be told of, now that the remote has told of these; to be answered with `nodes` before any other input. */
  | { readonly type: 'share'; readonly common: readonly Topic[]; readonly told: readonly ToldRecord[] }
  /** Asks for a `deadline` input at that moment, in place of an earlier one. */
  | { readonly type: 'deadline'; readonly atMs: number | null }
  /** Half-closes the stream. */
  | { readonly type: 'end-stream' }
  | { readonly type: 'finished'; readonly result: PsiResult }
  | { readonly type: 'failed'; readonly error: ThicketError }
  /** Ends the connection; the last effect of a session. */
  | { readonly type: 'close' }

export function createPsi(config: PsiConfig): PsiSession {
  const { salt, binding } = config
  return {
    config,
    phase: 'new',
    decoder: new FrameDecoder(config.limits.saltFrameBytes),
    salts: { alice: salt, bob: salt, binding },
    common: [],
  }
}

export function stepPsi(session: PsiSession, input: PsiInput): readonly PsiEffect[] {
  if (session.phase === 'over') return []
  try {
    return take(session, input)
  } catch (error) {
    if (!isThicketError(error)) throw error
    return fail(session, error)
  }
}

function take(session: PsiSession, input: PsiInput): readonly PsiEffect[] {
  switch (input.type) {
    case 'start':
      return start(session, input.nowMs)
    case 'data':
      return takeBytes(session, input.bytes, input.nowMs)
    case 'nodes':
      return tell(session, input.records)
    case 'deadline':
      if (session.phase === 'closing') return close(session)
      throw new ThicketError('discovery-timeout', 'the other side did not go on in time', { phase: session.phase })
    case 'end':
    case 'lost':
      if (session.phase === 'closing') return close(session)
      if (input.type === 'end') session.decoder.finish()
      throw new ThicketError('discovery-aborted', 'the other side ended the session early', { phase: session.phase })
  }
}

function start(session: PsiSession, nowMs: number): readonly PsiEffect[] {
  const { role, salt } = session.config
  if (role === 'acceptor') return awaitMessage(session, 'alice-salt', nowMs)
  return [write(encodeAliceSalt(salt)), ...awaitMessage(session, 'bob-hashes', nowMs)]
}

function takeBytes(session: PsiSession, bytes: Uint8Array, nowMs: number): readonly PsiEffect[] {
  const { decoder } = session
  if (session.phase === 'closing') throw unexpected(session, 'bytes')
  decoder.push(bytes)
  const frame = decoder.next()
  if (frame === null) return []
  if (decoder.bufferedBytes > 0) throw unexpected(session, 'bytes')
  const { limits, kind } = session.config
  return takeMessage(session, decodePsi(frame, { ...limits, kind }), nowMs)
}

function takeMessage(session: PsiSession, message: PsiMessage, nowMs: number): readonly PsiEffect[] {
  if (message.type !== session.phase) throw unexpected(session, message.type)
  const { topics, salt } = session.config
  switch (message.type) {
    case 'alice-salt': {
      session.salts = { ...session.salts, alice: message.salt }
      const hashes = hashTopics(topics, session.salts, 'acceptor')
      return [write(encodeBobHashes(salt, hashes)), ...awaitMessage(session, 'alice-hashes', nowMs)]
    }
    case 'bob-hashes': {
      session.salts = { ...session.salts, bob: message.salt }
      session.common = commonTopics(session, message.hashes, 'acceptor')
      const hashes = hashTopics(topics, session.salts, 'initiator')
      return [write(encodeAliceHashes(hashes)), ...awaitMessage(session, 'nodes', nowMs)]
    }
    case 'alice-hashes':
      session.common = commonTopics(session, message.hashes, 'initiator')
      return [{ type: 'share', common: session.common, told: [] }, ...awaitMessage(session, 'nodes', nowMs)]
    case 'nodes':
      return takeNodes(session, message.records, nowMs)
  }
}

/** Bob has told first, so that he is done; Alice answers before she is. */
function takeNodes(session: PsiSession, records: readonly ToldRecord[], nowMs: number): readonly PsiEffect[] {
  const finished: PsiEffect = { type: 'finished', result: { common: session.common, records } }
  if (session.config.role === 'acceptor') return [finished, ...close(session)]
  session.phase = 'closing'
  const atMs = nowMs + session.config.limits.closeMs
  return [{ type: 'share', common: session.common, told: records }, { type: 'deadline', atMs }, finished]
}

function tell(session: PsiSession, records: readonly NodeRecord[]): readonly PsiEffect[] {
  const told = write(encodeNodes(records))
  return session.phase === 'closing' ? [told, { type: 'end-stream' }] : [told]
}

function commonTopics(session: PsiSession, hashes: HashedTopics, by: Role): readonly Topic[] {
  return session.config.topics.filter(topic => hashes.has(hashTopic(topic, session.salts, by)))
}

/** Waits for one message, of bounded size and for a bounded time. */
function awaitMessage(
  session: PsiSession,
  phase: 'alice-salt' | 'bob-hashes' | 'alice-hashes' | 'nodes',
  nowMs: number,
): readonly PsiEffect[] {
  const { limits } = session.config
  const limitBytes = {
    'alice-salt': limits.saltFrameBytes,
    'bob-hashes': limits.hashesFrameBytes,
    'alice-hashes': limits.hashesFrameBytes,
    nodes: limits.nodesFrameBytes,
  }[phase]
  session.phase = phase
  session.decoder = new FrameDecoder(limitBytes)
  return [{ type: 'deadline', atMs: nowMs + limits.stateMs }]
}

function write(message: Uint8Array): PsiEffect {
  return { type: 'write', bytes: encodeFrame(message) }
}

function close(session: PsiSession): readonly PsiEffect[] {
  session.phase = 'over'
  return [{ type: 'deadline', atMs: null }, { type: 'close' }]
}

function fail(session: PsiSession, error: ThicketError): readonly PsiEffect[] {
  const wasComplete = session.phase === 'closing'
  const closed = close(session)
  return wasComplete ? closed : [{ type: 'failed', error }, ...closed]
}

function unexpected(session: PsiSession, got: string): ThicketError {
  return new ThicketError('discovery-unexpected-message', `${got} came where ${session.phase} was due`, {
    phase: session.phase,
    got,
  })
}
