/**
 * One side of one log-sync session, as a pure state machine (spec/sync.md 2.2 to 2.10). It never sends, reads or waits:
 * it says what should be sent, read and awaited, and is told what came of it. No timer, no callback, no clock of its own.
 *
 *   topic -> topic-done -> [admitting] -> have -> pre-sync -> sync -> live -> closing -> ended
 *                                                                `-> draining -----------^   (without live mode)
 *
 * What differs from the released crates, and cannot be told from outside: it reads while it writes, sends exactly one
 * `Done`, acts upon the remote's `Done` only when everything received before has come back from the sink, takes the end
 * of the stream in the sync phase for the error it is, and has limits of time and size. It pulls what it sends page by
 * page while the stream takes it, in live mode too: there it keeps a position in the node's order of ingest, below which
 * all is sent, and the heights that the remote has by its own account, so nothing is queued and nothing is sent back to
 * whom it came from.
 */

import {
  bytesToHex,
  compareHeights,
  concatBytes,
  encodeFrame,
  isThicketError,
  type LogHeights,
  type LogId,
  ThicketError,
  type VerifyingKey,
} from '../core/index.js'
import type { RawOperation, ReceivedOutcome, StoredRawOperation } from './interfaces.js'
import { KnownHeights } from './known-heights.js'
import type { Inbound, Session, SessionPhase } from './session-state.js'
import type { SessionEffect, SessionInput, StreamName } from './session-types.js'
import {
  decodeHandshake,
  decodeSync,
  encodeHandshake,
  encodeSync,
  type HandshakeMessage,
  type SyncMessage,
} from './wire.js'

/** Takes one input to its end. Whatever a remote does ends at worst in an `ended` effect with a coded error. */
export function step(session: Session, input: SessionInput): SessionEffect[] {
  if (session.phase === 'ended') return []
  session.effects = []
  session.nowMs = input.nowMs
  session.delivered = false
  session.more = false
  try {
    take(session, input)
    advance(session)
  } catch (error) {
    if (!(error instanceof ThicketError)) throw error
    fail(session, error)
  }
  return session.effects
}

/** The phase as the compiler must see it after a call that may have changed it. */
function phaseOf(session: Session): SessionPhase {
  return session.phase
}

function take(session: Session, input: SessionInput): void {
  switch (input.type) {
    case 'start':
      start(session)
      break
    case 'data': {
      const stream = session.inbound[input.stream]
      session.progressMs = session.nowMs
      stream.heard = true
      if (input.stream === 'sync' || inHandshake(session)) stream.decoder.push(input.bytes)
      break
    }
    case 'end':
      session.inbound[input.stream].over ??= 'end'
      break
    case 'lost':
      if (input.stream !== 'sync') session.inbound.handshake.over ??= 'lost'
      if (input.stream !== 'handshake') session.inbound.sync.over = 'lost'
      // With all heard from the remote nobody reads on, and what is left to say can no longer arrive.
      if (
        session.phase === 'sync' &&
        session.remoteDone !== 'no' &&
        !session.doneSent &&
        input.stream !== 'handshake'
      ) {
        throw lost(session)
      }
      break
    case 'writable':
      session.writable = true
      session.progressMs = session.nowMs
      break
    case 'admitted':
      if (!input.admitted) throw new ThicketError('topic-unknown', 'this node does not sync the topic with the remote')
      endHandshake(session)
      beginExchange(session)
      break
    case 'heights':
      session.localHeights = input.heights
      session.position = input.position
      write(session, 'sync', encodeFrame(encodeSync({ type: 'have', heights: input.heights })))
      break
    case 'measured':
      announce(session, input.operations, input.bytes)
      break
    case 'page':
      session.reading = false
      if (session.phase === 'sync') takeRangePage(session, input.operations)
      else if (session.phase === 'live') takeLivePage(session, input.operations)
      break
    case 'outcomes':
      takeOutcomes(session, input.outcomes)
      break
    case 'sink-full':
      // Everything may have come back in the meantime; then there is nothing to wait for.
      session.sinkFull = session.outstanding.length > 0
      break
    case 'stored':
      session.newer = true
      break
    case 'close':
      requestClose(session, input.wait)
      break
    case 'more':
      break
    case 'deadline':
      session.armedMs = null
      expire(session)
      break
  }
}

// Opening.

function start(session: Session): void {
  session.startedMs = session.nowMs
  session.progressMs = session.nowMs
  const topic = session.config.topic
  if (topic === null) {
    enter(session, 'topic')
    return
  }
  session.effects.push({ type: 'open', stream: 'handshake' })
  write(session, 'handshake', encodeFrame(encodeHandshake({ type: 'topic', topic })))
  enter(session, 'topic-done')
}

function takeHandshake(session: Session, message: HandshakeMessage): void {
  const expected = session.phase === 'topic' ? 'topic' : 'done'
  if (message.type !== expected) throw unexpected(session, message.type)
  if (message.type === 'topic') {
    session.topic = message.topic
    sendHandshakeDone(session)
    enter(session, 'topic-done')
  } else if (session.config.role === 'acceptor') {
    enter(session, 'admitting')
    session.effects.push({ type: 'admit', topic: session.topic! })
  } else {
    sendHandshakeDone(session)
    endHandshake(session)
    session.effects.push({ type: 'open', stream: 'sync' })
    beginExchange(session)
  }
}

function sendHandshakeDone(session: Session): void {
  write(session, 'handshake', encodeFrame(encodeHandshake({ type: 'done' })))
}

function endHandshake(session: Session): void {
  session.effects.push({ type: 'end-stream', stream: 'handshake' })
}

function beginExchange(session: Session): void {
  enter(session, 'have')
  session.effects.push({ type: 'read-heights' })
}

// Reading.

/** Takes frames, acts upon what they complete and asks for what can be sent, until there is nothing to do. */
function advance(session: Session): void {
  for (;;) {
    const before = phaseOf(session)
    try {
      takeFrames(session)
    } finally {
      deliver(session)
    }
    settle(session)
    pull(session)
    settle(session)
    if (phaseOf(session) === 'ended') return
    if (phaseOf(session) === before) break
  }
  requireBuffers(session)
  slowDown(session)
  if (session.more && mayTake(session)) session.effects.push({ type: 'more' })
  arm(session)
}

function takeFrames(session: Session): void {
  // One batch a step: the sink's answer to it must be heard before the next.
  while (!session.delivered && mayTake(session)) {
    const { batchOperations, batchBytes } = session.config.limits
    if (session.batch.length >= batchOperations || session.batchBytes >= batchBytes) break
    const stream = inHandshake(session) ? session.inbound.handshake : session.inbound.sync
    const frame = stream.decoder.next()
    if (frame === null) {
      if (stream.over !== null) streamOver(session, stream)
      return
    }
    if (inHandshake(session))
      takeHandshake(
        session,
        decoded(session, () => decodeHandshake(frame)),
      )
    else if (session.phase !== 'draining')
      takeSync(
        session,
        decoded(session, () => decodeSync(frame, session.config.limits)),
      )
  }
  session.more = true
}

function mayTake(session: Session): boolean {
  switch (session.phase) {
    case 'topic':
    case 'topic-done':
    case 'draining':
      return true
    case 'have':
      return session.localHeights !== null
    case 'pre-sync':
      return session.preSyncSent
    case 'sync':
      return session.remoteDone === 'no' && !isFull(session)
    case 'live':
    case 'closing':
      return !session.remoteClosed && !isFull(session)
    default:
      return false
  }
}

function isFull(session: Session): boolean {
  const { unprocessedBytes, unprocessedOperations } = session.config.limits
  return (
    session.sinkFull ||
    session.outstandingBytes + session.batchBytes >= unprocessedBytes ||
    session.outstandingOperations + session.batch.length >= unprocessedOperations
  )
}

function takeSync(session: Session, message: SyncMessage): void {
  const live = session.phase === 'live' || session.phase === 'closing'
  if (message.type === 'live' || message.type === 'close') {
    if (!live)
      throw new ThicketError('message-stream', `remote sent ${message.type} before its done`, { got: message.type })
    if (message.type === 'live') takeOperation(session, message.operation)
    else session.remoteClosed = true
    return
  }
  if (live) {
    throw new ThicketError('unexpected-protocol-message', 'remote sent a sync message in live-mode', { got: 'sync' })
  }
  if (session.phase === 'have' && message.type === 'have') takeHave(session, message.heights)
  else if (session.phase === 'pre-sync' && message.type === 'pre_sync') {
    session.metrics.inboundSyncOperations = message.operations
    session.metrics.inboundSyncBytes = message.bytes
    beginSync(session)
  } else if (session.phase === 'pre-sync' && message.type === 'done') {
    beginSync(session)
    session.remoteDone = 'heard'
  } else if (session.phase === 'sync' && message.type === 'operation') takeOperation(session, message.operation)
  else if (session.phase === 'sync' && message.type === 'done') session.remoteDone = 'heard'
  else throw unexpected(session, message.type)
}

function takeHave(session: Session, heights: LogHeights): void {
  session.known = new KnownHeights(heights)
  session.ranges = compareHeights(session.localHeights!, heights)
  session.rangeAfter = session.ranges[0]?.after ?? null
  enter(session, 'pre-sync')
  session.effects.push({ type: 'measure', ranges: session.ranges })
}

function takeOperation(session: Session, operation: RawOperation): void {
  const bytes = sizeOf(operation)
  if (session.phase === 'sync') {
    session.metrics.receivedSyncOperations++
    session.metrics.receivedSyncBytes += bytes
  } else {
    session.metrics.receivedLiveOperations++
    session.metrics.receivedLiveBytes += bytes
    session.arriving.add(fingerprint(operation))
  }
  session.batch.push(operation)
  session.batchBytes += bytes
}

function deliver(session: Session): void {
  if (session.batch.length === 0) return
  const phase = session.phase === 'sync' ? 'sync' : 'live'
  const operations = session.batch
  session.outstanding.push({ operations, bytes: session.batchBytes, phase })
  session.outstandingBytes += session.batchBytes
  session.outstandingOperations += operations.length
  session.effects.push({ type: 'deliver', phase, operations, metrics: { ...session.metrics } })
  session.batch = []
  session.batchBytes = 0
  session.delivered = true
}

function takeOutcomes(session: Session, outcomes: readonly ReceivedOutcome[]): void {
  const batch = session.outstanding.shift()!
  session.outstandingBytes -= batch.bytes
  session.outstandingOperations -= batch.operations.length
  session.sinkFull = false
  session.progressMs = session.nowMs
  for (const [index, operation] of batch.operations.entries()) {
    const outcome = outcomes[index]
    if (batch.phase === 'live') {
      session.arriving.delete(fingerprint(operation))
      // Repeats are not counted in live mode; that it is one is known only now.
      if (outcome?.outcome === 'duplicate') {
        session.metrics.receivedLiveOperations--
        session.metrics.receivedLiveBytes -= sizeOf(operation)
      }
    }
    if (!outcome) continue
    if (outcome.fatal) throw outcome.error ?? new ThicketError('operation-refused', 'the remote is at fault')
    const { author, logId, seqNum } = outcome
    if (outcome.outcome !== 'refused' && author && logId && seqNum !== undefined) {
      session.known.raise(author, logId, seqNum)
    }
  }
}

// Writing.

function announce(session: Session, operations: number, bytes: number): void {
  session.preSyncSent = true
  session.windowOperations = session.config.window?.(session.topic!, operations) ?? Number.POSITIVE_INFINITY
  if (bytes === 0) {
    session.ranges = []
    session.doneSent = true
    write(session, 'sync', encodeFrame(encodeSync({ type: 'done' })))
    return
  }
  session.metrics.outboundSyncOperations = operations
  session.metrics.outboundSyncBytes = bytes
  write(session, 'sync', encodeFrame(encodeSync({ type: 'pre_sync', operations, bytes })))
}

function beginSync(session: Session): void {
  enter(session, 'sync')
  session.effects.push({ type: 'sync-started', metrics: { ...session.metrics } })
}

/** Asks for what can be sent next, while the stream takes more. */
function pull(session: Session): void {
  if (session.reading || !session.writable || session.inbound.sync.over === 'lost') return
  const { pageOperations: limit, pageBytes: maxBytes } = session.config.limits
  if (session.phase === 'sync' && !session.doneSent) {
    const range = session.ranges[session.rangeIndex]
    const room = Math.min(limit, session.windowOperations)
    if (range && room <= 0) session.partial = true
    else if (range) {
      session.reading = true
      session.effects.push({
        type: 'read-range',
        range: { ...range, after: session.rangeAfter },
        limit: room,
        maxBytes,
      })
      return
    }
    session.doneSent = true
    queue(session, encodeSync({ type: 'done' }))
    flush(session)
  } else if (session.phase === 'live' && session.newer) {
    const room = Math.min(limit, session.windowOperations)
    if (room <= 0) {
      session.partial = true
      session.closeAtMs ??= session.nowMs + session.config.limits.closeMs
      sendClose(session)
      return
    }
    session.newer = false
    session.reading = true
    session.effects.push({ type: 'read-after', position: session.position, limit: room, maxBytes })
  }
}

function takeRangePage(session: Session, operations: readonly StoredRawOperation[]): void {
  const range = session.ranges[session.rangeIndex]!
  for (const operation of operations) {
    session.metrics.sentSyncOperations++
    session.metrics.sentSyncBytes += sizeOf(operation)
    session.windowOperations--
    session.rangeAfter = operation.seqNum
    queue(session, encodeSync({ type: 'operation', operation }))
  }
  const last = operations.at(-1)
  // What vanished from the range meanwhile was pruned and is simply not sent.
  if (!last || last.seqNum >= range.until) {
    session.rangeIndex++
    session.rangeAfter = session.ranges[session.rangeIndex]?.after ?? null
  }
  if (session.outboxBytes >= session.config.limits.writeBytes) flush(session)
}

function takeLivePage(session: Session, operations: readonly StoredRawOperation[]): void {
  for (const operation of operations) {
    session.position = operation.position
    if (isKnown(session, operation.author, operation.logId, operation.seqNum, operation)) continue
    session.metrics.sentLiveOperations++
    session.metrics.sentLiveBytes += sizeOf(operation)
    session.windowOperations--
    queue(session, encodeSync({ type: 'live', operation }))
  }
  if (operations.length > 0) session.newer = true
  flush(session)
}

function isKnown(
  session: Session,
  author: VerifyingKey,
  logId: LogId,
  seqNum: number,
  operation: RawOperation,
): boolean {
  if (session.known.covers(author, logId, seqNum)) return true
  return session.arriving.size > 0 && session.arriving.has(fingerprint(operation))
}

function queue(session: Session, message: Uint8Array): void {
  const frame = encodeFrame(message)
  session.outbox.push(frame)
  session.outboxBytes += frame.length
}

function flush(session: Session): void {
  if (session.outbox.length === 0) return
  write(session, 'sync', concatBytes(...session.outbox))
  session.outbox = []
  session.outboxBytes = 0
}

function write(session: Session, stream: StreamName, bytes: Uint8Array): void {
  session.writable = false
  session.effects.push({ type: 'write', stream, bytes })
}

// Finishing.

/** Acts upon what may only happen once everything received before has come back from the sink. */
function settle(session: Session): void {
  if (session.outstanding.length > 0) return
  if (session.phase === 'sync') {
    if (session.remoteDone === 'heard') session.remoteDone = 'acted-upon'
    if (session.remoteDone === 'acted-upon' && session.doneSent) finishSync(session)
  } else if ((session.phase === 'live' || session.phase === 'closing') && session.remoteClosed) {
    session.effects.push({ type: 'end-stream', stream: 'sync' })
    finish(session, null)
  }
}

function finishSync(session: Session): void {
  session.effects.push({ type: 'sync-finished', metrics: { ...session.metrics } })
  const { live } = session.config
  if (!(typeof live === 'function' ? live(session.topic!) : live)) {
    session.effects.push({ type: 'end-stream', stream: 'sync' })
    session.closeAtMs ??= session.nowMs + session.config.limits.closeMs
    enter(session, 'draining')
    return
  }
  enter(session, 'live')
  session.effects.push({ type: 'live-started' })
  session.newer = true
  // What is new may build upon what was left out, so nothing of it is said in this session.
  if (session.partial) session.closeAtMs ??= session.nowMs + session.config.limits.closeMs
  if (session.closeAtMs !== null) sendClose(session)
}

function requestClose(session: Session, wait: boolean): void {
  if (wait) {
    session.closeAtMs ??= session.nowMs + session.config.limits.closeMs
    if (session.phase === 'live') sendClose(session)
    return
  }
  if (session.phase === 'live') {
    sendClose(session)
    session.effects.push({ type: 'end-stream', stream: 'sync' })
  }
  finish(session, null)
}

function sendClose(session: Session): void {
  enter(session, 'closing')
  write(session, 'sync', encodeFrame(encodeSync({ type: 'close' })))
}

function streamOver(session: Session, stream: Inbound): void {
  if (session.phase === 'draining' || session.phase === 'closing') {
    session.remoteClosed = true
    if (session.phase === 'draining') finish(session, null)
    return
  }
  if (stream.over === 'lost') throw lost(session)
  stream.decoder.finish()
  if (inHandshake(session)) {
    throw new ThicketError('unexpected-stream-closure', 'remote unexpectedly closed stream during topic handshake')
  }
  throw new ThicketError(
    'unexpected-stream-closure',
    session.phase === 'live'
      ? 'remote unexpectedly closed stream in live-mode'
      : 'remote unexpectedly closed stream during initial sync',
  )
}

function lost(session: Session): ThicketError {
  if (session.phase === 'have' && session.config.role === 'initiator' && !session.inbound.sync.heard) {
    return new ThicketError(
      'topic-unknown',
      'the remote closed right after the handshake, as it does for topics that it does not sync',
    )
  }
  const code = session.phase === 'live' ? 'decode-message' : 'message-stream'
  return new ThicketError(code, 'the connection to the remote was lost', { phase: session.phase })
}

function unexpected(session: Session, got: string): ThicketError {
  return new ThicketError('unexpected-message', `remote sent an unexpected ${got} message`, {
    got,
    phase: session.phase,
  })
}

/** Runs a decoder; what it cannot decode is the error that p2panda names in this phase. */
function decoded<Message>(session: Session, decode: () => Message): Message {
  try {
    return decode()
  } catch (error) {
    if (!isThicketError(error, 'decoding-postcard')) throw error
    const code = session.phase === 'live' || session.phase === 'closing' ? 'decode-message' : 'message-stream'
    throw new ThicketError(code, `remote sent what is no message: ${error.message}`, error.details, { cause: error })
  }
}

function fail(session: Session, error: ThicketError): void {
  // Once we have said that we leave, nothing that the remote does is a failure of ours.
  finish(session, session.closeAtMs !== null ? null : error)
}

function finish(session: Session, error: ThicketError | null): void {
  if (session.phase === 'ended') return
  session.phase = 'ended'
  if (session.armedMs !== null) session.effects.push({ type: 'deadline', atMs: null })
  session.effects.push({ type: 'ended', error, metrics: { ...session.metrics } })
}

// Limits.

function requireBuffers(session: Session): void {
  const limitBytes = session.config.limits.bufferedBytes
  const bufferedBytes = session.inbound.sync.decoder.bufferedBytes
  // A large chunk may hold many whole frames that only wait for their turn.
  if (bufferedBytes <= limitBytes || takesSync(session)) return
  throw new ThicketError('inbound-overflow', 'more came than this node takes at a time', { bufferedBytes, limitBytes })
}

function slowDown(session: Session): void {
  const exchanging = session.phase === 'sync' || session.phase === 'live' || session.phase === 'closing'
  const much = session.inbound.sync.decoder.bufferedBytes >= session.config.limits.unprocessedBytes
  const pause = !takesSync(session) && (exchanging || much)
  if (pause === session.paused) return
  session.paused = pause
  session.effects.push({ type: pause ? 'pause' : 'resume' })
}

function takesSync(session: Session): boolean {
  return !inHandshake(session) && mayTake(session)
}

function deadlineOf(session: Session): number | null {
  const { handshakeMs, exchangeMs, idleMs } = session.config.limits
  const closeAtMs = session.closeAtMs ?? Number.POSITIVE_INFINITY
  let atMs = Number.POSITIVE_INFINITY
  if (inHandshake(session) || session.phase === 'admitting') atMs = session.startedMs + handshakeMs
  else if (session.phase === 'have' || session.phase === 'pre-sync') atMs = session.phaseSinceMs + exchangeMs
  // While operations are with the sink it is not the remote who keeps us waiting.
  else if (session.phase === 'sync' && session.outstanding.length === 0) atMs = session.progressMs + idleMs
  const earliest = Math.min(atMs, closeAtMs)
  return earliest === Number.POSITIVE_INFINITY ? null : earliest
}

function arm(session: Session): void {
  const atMs = deadlineOf(session)
  if (atMs === null ? session.armedMs === null : session.armedMs !== null && session.armedMs <= atMs) return
  session.armedMs = atMs
  session.effects.push({ type: 'deadline', atMs })
}

function expire(session: Session): void {
  const atMs = deadlineOf(session)
  if (atMs === null || session.nowMs < atMs) return
  if (session.closeAtMs !== null && session.nowMs >= session.closeAtMs) {
    finish(session, null)
    return
  }
  throw new ThicketError('session-timeout', `the session made no progress in its phase ${session.phase}`, {
    phase: session.phase,
  })
}

// Small things.

function enter(session: Session, phase: SessionPhase): void {
  session.phase = phase
  session.phaseSinceMs = session.nowMs
  session.progressMs = session.nowMs
}

function inHandshake(session: Session): boolean {
  return session.phase === 'new' || session.phase === 'topic' || session.phase === 'topic-done'
}

function sizeOf(operation: RawOperation): number {
  return operation.header.length + (operation.body?.length ?? 0)
}

/** Author and signature stand within these bytes of a canonical header and tell operations apart. */
const FINGERPRINT_BYTES = 102

function fingerprint(operation: RawOperation): string {
  return bytesToHex(operation.header.subarray(0, FINGERPRINT_BYTES))
}
