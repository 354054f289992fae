export { BoundedMap } from './bounded-map.js'
export { bytesEqual, bytesToHex, compareBytes, concatBytes, hexToBytes } from './bytes.js'
export { CborFloat, type CborValue, decodeCbor, encodeCbor, MAX_CBOR_DEPTH } from './cbor.js'
export { splitCborArray } from './cbor-array.js'
export { Hash, LogId, OperationId, Topic, VerifyingKey } from './companions.js'
export { Cursor } from './cursor.js'
export { InvariantError, invariant, isThicketError, ThicketError } from './errors.js'
export { MAX_PREVIOUS } from './extensions.js'
export { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from './frame.js'
export { createHasher, type Hasher, hash } from './hash.js'
export {
  acceptHeader,
  decodeHeader,
  encodeHeader,
  forgeHeader,
  type HeaderToForge,
  isVerified,
  signedMessage,
} from './header.js'
export { encodeFields, type SigningFields } from './header-encode.js'
export { parseHeader } from './header-parse.js'
export { ascending, compareHeights, type LogHeights, type LogRange } from './heights.js'
export { ID_BYTES, idBytes, idFromBytes, idFromHex } from './ids.js'
export {
  type AcceptedJudgement,
  type Description,
  describeHeader,
  type Judgement,
  judgeHeader,
  type RefusedJudgement,
} from './inspect.js'
export { isPoint } from './point.js'
export { portableCrypto } from './portable-crypto.js'
export { PostcardReader, PostcardWriter } from './postcard.js'
export { SigningKey } from './signing-key.js'
export { isNonCanonical, isSmallOrder } from './small-order.js'
export {
  addLamport,
  compareHybrid,
  type HybridTimestamp,
  hybridFromString,
  hybridToString,
  incrementHybrid,
  nextTimestamp,
  U64_MAX,
  u64Bytes,
  u64FromBytes,
} from './time.js'
export type {
  BasicExtensions,
  CausalExtensions,
  Extensions,
  Header,
  HeaderFields,
  Operation,
  UnverifiedHeader,
} from './types.js'
export {
  type ClaimedOperation,
  type LogEntry,
  validateBacklink,
  validateHeader,
  validateOperation,
  validatePrunableBacklink,
} from './validation.js'
