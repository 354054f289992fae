/** Messages of the app in JSON and as bodies of operations. */

import { CborFloat, type CborValue, decodeCbor, encodeCbor, ThicketError } from '../../core/index.js'
import type { Content, Json } from './client/messages.js'

/** @throws `message-encoding`, `message-empty`, `invalid-message` */
export function bodyOf(content: Content): Uint8Array {
  if ('bytes' in content) {
    const body = bytesOfBase64(content.bytes)
    if (body.length === 0) throw new ThicketError('message-empty', 'a message has at least one byte')
    return body
  }
  try {
    return encodeCbor(content.message as CborValue)
  } catch (cause) {
    throw new ThicketError('message-encoding', 'the message cannot be encoded', {}, { cause })
  }
}

/** `message` is what JSON can say of a body, `bytes` the body where that is not all. */
export function contentOf(body: Uint8Array): { message?: Json; bytes?: string } {
  let value: CborValue
  try {
    value = decodeCbor(body)
  } catch {
    return { bytes: base64Of(body) }
  }
  const seen = { isWhole: true }
  const message = jsonOf(value, seen)
  return seen.isWhole && encodesAs(value, body) ? { message } : { message, bytes: base64Of(body) }
}

/** Bytes after the item, tags and floats that are whole numbers do not show in the value. */
function encodesAs(value: CborValue, body: Uint8Array): boolean {
  const again = encodeCbor(value)
  return again.length === body.length && again.every((byte, at) => byte === body[at])
}

function jsonOf(value: CborValue, seen: { isWhole: boolean }): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') {
    if (Number.isFinite(value) && !Object.is(value, -0)) return value
    seen.isWhole = false
    return Number.isFinite(value) ? value : null
  }
  if (typeof value === 'bigint') return lossy(String(value), seen)
  if (value instanceof Uint8Array) return lossy(base64Of(value), seen)
  if (value instanceof CborFloat) return lossy(value.value, seen)
  if (value instanceof Map) {
    const entries = [...value].map(([key, entry]) => [jsonOf(key, seen), jsonOf(entry, seen)])
    return lossy(entries, seen)
  }
  if (Array.isArray(value)) return value.map(item => jsonOf(item, seen))
  const entries = Object.entries(value as Record<string, CborValue>)
  return Object.fromEntries(entries.map(([key, entry]) => [key, jsonOf(entry, seen)]))
}

function lossy(value: Json, seen: { isWhole: boolean }): Json {
  seen.isWhole = false
  return value
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}

/** @throws `invalid-message` for anything but base64url without padding */
export function bytesOfBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) {
    throw new ThicketError('invalid-message', 'bytes are base64url without padding')
  }
  return new Uint8Array(Buffer.from(text, 'base64url'))
}
