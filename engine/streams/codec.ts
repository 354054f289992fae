/** How an app's messages become bodies and back. Encoding is deterministic, so that Rust apps can read it. */

import { type CborValue, decodeCbor, encodeCbor } from '../core/index.js'

export interface Codec<Message> {
  encode(message: Message): Uint8Array
  /** Throws for bytes that are no message. */
  decode(bytes: Uint8Array): Message
}

/** CBOR in p2panda's deterministic profile; the type parameter is the app's word for what it finds there. */
export function cborCodec<Message>(): Codec<Message> {
  return {
    encode: message => encodeCbor(message as CborValue),
    decode: bytes => decodeCbor(bytes) as Message,
  }
}

/** Bodies as they are. */
export const bytesCodec: Codec<Uint8Array> = { encode: bytes => bytes, decode: bytes => bytes }
