/** The head of a CBOR item (RFC 8949 section 3): a major type and an argument in 0, 1, 2, 4 or 8 further bytes. */

export const UNSIGNED = 0
export const NEGATIVE = 1
export const BYTES = 2
export const TEXT = 3
export const ARRAY = 4
export const MAP = 5
export const TAG = 6
export const SIMPLE = 7

export const FALSE = 0xf4
export const TRUE = 0xf5
export const NULL = 0xf6

/** Bytes of the head that begins with this byte; for heads that passed the scan. */
export function headLength(initial: number): number {
  const info = initial & 31
  return info < 24 ? 1 : 1 + (1 << (info - 24))
}

/** The argument of the head at `at`; above 2^53 only near the true value, so ask `bigArgumentAt` where that matters. */
export function argumentAt(bytes: Uint8Array, at: number): number {
  const info = bytes[at]! & 31
  if (info < 24) return info
  let value = 0
  for (let index = at + 1, end = at + headLength(info); index < end; index++) value = value * 256 + bytes[index]!
  return value
}

export function bigArgumentAt(bytes: Uint8Array, at: number): bigint {
  if ((bytes[at]! & 31) < 27) return BigInt(argumentAt(bytes, at))
  let high = 0
  let low = 0
  for (let index = at + 1; index < at + 5; index++) high = high * 256 + bytes[index]!
  for (let index = at + 5; index < at + 9; index++) low = low * 256 + bytes[index]!
  return (BigInt(high) << 32n) | BigInt(low)
}

/** Where the item begins once the tags in front of it are left out. */
export function untaggedAt(bytes: Uint8Array, at: number): number {
  let next = at
  while (bytes[next]! >> 5 === TAG) next += headLength(bytes[next]!)
  return next
}

/** The shortest head. */
export function encodeHead(major: number, argument: number | bigint): Uint8Array {
  const kind = major << 5
  if (argument < 24) return Uint8Array.of(kind | Number(argument))
  if (argument < 0x100) return Uint8Array.of(kind | 24, Number(argument))
  const bytes = new Uint8Array(argument < 0x1_0000 ? 3 : argument < 0x1_0000_0000 ? 5 : 9)
  const view = new DataView(bytes.buffer)
  bytes[0] = kind | (bytes.length === 3 ? 25 : bytes.length === 5 ? 26 : 27)
  if (bytes.length === 3) view.setUint16(1, Number(argument))
  else if (bytes.length === 5) view.setUint32(1, Number(argument))
  else view.setBigUint64(1, BigInt(argument))
  return bytes
}
