export { bytesEqual, bytesToHex, compareBytes, concatBytes, hexToBytes } from './bytes.js'
export { InvariantError, invariant, isThicketError, ThicketError } from './errors.js'
export {
  type Hash,
  ID_BYTES,
  idBytes,
  idFromBytes,
  idFromHex,
  type LogId,
  type OperationId,
  type Topic,
  type VerifyingKey,
} from './ids.js'
export type {
  BasicExtensions,
  CausalExtensions,
  Extensions,
  Header,
  HeaderFields,
  Operation,
  UnverifiedHeader,
} from './types.js'
export { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from './frame.js'
export { PostcardReader, PostcardWriter } from './postcard.js'
