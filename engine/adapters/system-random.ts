/** Chance from the operating system, fetched in blocks: a call a number would cost more than the number. */

import type { Random } from '../ports.js'

/** Bytes fetched at once; Web Crypto gives at most 65,536 a call. */
const BLOCK_BYTES = 4_096
const MAX_CALL_BYTES = 65_536

export function systemRandom(): Random {
  const block = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(block.buffer)
  let used = BLOCK_BYTES

  /** The place of so many fresh bytes in the block. */
  const reserve = (length: number): number => {
    if (used + length > BLOCK_BYTES) {
      crypto.getRandomValues(block)
      used = 0
    }
    used += length
    return used - length
  }

  return {
    bytes(length) {
      const bytes = new Uint8Array(length)
      if (length > BLOCK_BYTES) {
        for (let at = 0; at < length; at += MAX_CALL_BYTES)
          crypto.getRandomValues(bytes.subarray(at, at + MAX_CALL_BYTES))
        return bytes
      }
      const at = reserve(length)
      bytes.set(block.subarray(at, at + length))
      // What was handed out may be a key; it is not to lie about here.
      block.fill(0, at, at + length)
      return bytes
    },
    float() {
      // 53 bits, as many as a float between 1/2 and 1 has.
      const at = reserve(8)
      const high = view.getUint32(at) >>> 5
      const low = view.getUint32(at + 4) >>> 6
      return (high * 2 ** 26 + low) / 2 ** 53
    },
  }
}
