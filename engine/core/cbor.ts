/** Deterministic CBOR for application messages; headers have a reader of their own (header.ts). */

export { decodeCbor } from './cbor-decode.js'
export { CborFloat, type CborValue, encodeCbor, MAX_CBOR_DEPTH } from './cbor-encode.js'
