export type {
  LogHeights,
  LogRange,
  RawOperation,
  ReceivedFrom,
  ReceivedOutcome,
  SessionMetrics,
  StoredRawOperation,
  SyncEvent,
  SyncSink,
  SyncSource,
} from './interfaces.js'
export { DEFAULT_SYNC_LIMITS, type SyncLimits } from './limits.js'
export {
  createSyncManager,
  type SyncManager,
  type SyncManagerConfig,
  type SyncManagerMetrics,
  type SyncSession,
} from './manager.js'
export { protocolHash, protocolId } from './protocol.js'
export { createRunner, type Runner, type RunnerConfig } from './runner.js'
export { step } from './session.js'
export { createSession, type Session, type SessionPhase } from './session-state.js'
export type { SessionConfig, SessionEffect, SessionInput, StreamName } from './session-types.js'
export {
  decodeHandshake,
  decodeSync,
  encodeHandshake,
  encodeSync,
  type HandshakeMessage,
  type SyncMessage,
} from './wire.js'
