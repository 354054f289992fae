/**
 * Points of small order on edwards25519, told by their encoding. Every implementation of the Crypto port refuses them
 * as key and as R, whatever its library thinks (spec/node.md 1.2).
 */

import { hexToBytes } from './bytes.js'

/**
 * The y coordinates of the eight points of the torsion subgroup, little-endian, and the two that stand for 0 and 1 when
 * they are not reduced modulo p = 2^255 - 19. The sign of x is a bit beside them and changes nothing.
 */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  // 0: order 4
  '0000000000000000000000000000000000000000000000000000000000000000',
  // 1: the identity
  '0100000000000000000000000000000000000000000000000000000000000000',
  // p - 1: order 2
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  // p: 0 again
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  // p + 1: 1 again
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  // the two of order 8
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(hexToBytes)

/** @param point 32 bytes; what follows them, as s follows R in a signature, does not count */
export function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_Y.some(y => equalsBesideSign(point, y))
}

/** True when y is not below p; such a key is a point all the same, and hashed as it is written. */
export function isNonCanonical(point: Uint8Array): boolean {
  if ((point[31]! & 0x7f) !== 0x7f || point[0]! < 0xed) return false
  for (let at = 1; at < 31; at++) if (point[at] !== 0xff) return false
  return true
}

function equalsBesideSign(point: Uint8Array, y: Uint8Array): boolean {
  for (let at = 0; at < 31; at++) if (point[at] !== y[at]) return false
  return (point[31]! & 0x7f) === y[31]
}
