/**
 * Signed messages in one buffer, so that a batch goes to a worker without being copied again: the count, the lengths of
 * the messages (u32 each), key and signature of each, and the messages one after the other. The verdicts come back as a
 * byte a message at the front of the same buffer.
 */

import type { SignedMessage } from '../ports.js'

const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const LENGTH_BYTES = 4
/** Bytes of a message beside itself. */
export const PACKED_OVERHEAD_BYTES = LENGTH_BYTES + KEY_BYTES + SIGNATURE_BYTES

/** Keys and signatures have their full length; the pool sees to that. */
export function pack(messages: readonly SignedMessage[]): ArrayBuffer {
  let size = LENGTH_BYTES
  for (const { message } of messages) size += PACKED_OVERHEAD_BYTES + message.length
  const buffer = new ArrayBuffer(size)
  const view = new DataView(buffer)
  const bytes = new Uint8Array(buffer)
  view.setUint32(0, messages.length)
  let fixedAt = LENGTH_BYTES * (1 + messages.length)
  let messageAt = fixedAt + (KEY_BYTES + SIGNATURE_BYTES) * messages.length
  messages.forEach(({ verifyingKey, signature, message }, index) => {
    view.setUint32(LENGTH_BYTES * (1 + index), message.length)
    bytes.set(verifyingKey, fixedAt)
    bytes.set(signature, fixedAt + KEY_BYTES)
    fixedAt += KEY_BYTES + SIGNATURE_BYTES
    bytes.set(message, messageAt)
    messageAt += message.length
  })
  return buffer
}

export function unpack(buffer: ArrayBuffer): SignedMessage[] {
  const view = new DataView(buffer)
  const count = view.getUint32(0)
  let fixedAt = LENGTH_BYTES * (1 + count)
  let messageAt = fixedAt + (KEY_BYTES + SIGNATURE_BYTES) * count
  return Array.from({ length: count }, (_, index) => {
    const length = view.getUint32(LENGTH_BYTES * (1 + index))
    const signed = {
      verifyingKey: new Uint8Array(buffer, fixedAt, KEY_BYTES),
      signature: new Uint8Array(buffer, fixedAt + KEY_BYTES, SIGNATURE_BYTES),
      message: new Uint8Array(buffer, messageAt, length),
    }
    fixedAt += KEY_BYTES + SIGNATURE_BYTES
    messageAt += length
    return signed
  })
}

export function isPackable({ verifyingKey, signature }: SignedMessage): boolean {
  return verifyingKey.length === KEY_BYTES && signature.length === SIGNATURE_BYTES
}
