/** The fields of a header as one CBOR array, optional ones left out entirely (spec/node.md 1.5). */

import { concatBytes } from './bytes.js'
import { ARRAY, BYTES, encodeHead, UNSIGNED } from './cbor-head.js'
import { encodeExtensions } from './extensions.js'
import { idBytes } from './ids.js'
import type { Extensions, HeaderFields } from './types.js'

/** What is signed. Without extensions it is a header of p2panda's core alone, which no node takes. */
export type SigningFields = Omit<HeaderFields, 'signature' | 'bytes' | 'id' | 'extensions'> & {
  readonly extensions: Extensions | null
}

/** @param signature null for the bytes that are signed */
export function encodeFields(fields: SigningFields, signature: Uint8Array | null): Uint8Array {
  const elements = [encodeHead(UNSIGNED, fields.version), byteString(idBytes(fields.author))]
  if (signature) elements.push(byteString(signature))
  elements.push(encodeHead(UNSIGNED, fields.payloadSize))
  if (fields.payloadHash !== null) elements.push(byteString(idBytes(fields.payloadHash)))
  elements.push(encodeHead(UNSIGNED, fields.seqNum))
  if (fields.backlink !== null) elements.push(byteString(idBytes(fields.backlink)))
  if (fields.extensions) elements.push(encodeExtensions(fields.extensions))
  return concatBytes(encodeHead(ARRAY, elements.length), ...elements)
}

function byteString(bytes: Uint8Array): Uint8Array {
  return concatBytes(encodeHead(BYTES, bytes.length), bytes)
}
