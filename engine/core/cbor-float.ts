/** Half, single and double floats as deterministic CBOR wants them: the shortest width that keeps every bit. */

const scratch = new DataView(new ArrayBuffer(8))

/** IEEE 754 binary32: 23 bits of mantissa, exponent bias 127. */
const SINGLE_MANTISSA = 0x7f_ffff
/** Bits of a single's mantissa that a half does not have. */
const BITS_LOST_IN_HALF = 13
/** Bits of a double's mantissa that a single does not have. */
const BITS_LOST_IN_SINGLE = 0x1fff_ffff

/** True when these bits of a single would also fit a half, so that the single is not the shortest form. */
export function singleFitsHalf(bits: number): boolean {
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & SINGLE_MANTISSA
  if (exponent === 0xff) return hasZeroBits(mantissa, BITS_LOST_IN_HALF)
  if (exponent === 0) return mantissa === 0
  const power = exponent - 127
  if (power > 15 || power < -24) return false
  // Below 2^-14 a half is subnormal: each power of two costs it one more bit.
  return hasZeroBits(mantissa, power >= -14 ? BITS_LOST_IN_HALF : -1 - power)
}

/** True when this double, given by its bytes too, would also fit a single. */
export function doubleFitsSingle(view: DataView, at: number): boolean {
  const value = view.getFloat64(at)
  if (Number.isFinite(value)) return Math.fround(value) === value
  return (view.getUint32(at + 4) & BITS_LOST_IN_SINGLE) === 0
}

function hasZeroBits(mantissa: number, count: number): boolean {
  return (mantissa & (2 ** count - 1)) === 0
}

export function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const mantissa = bits & 0x3ff
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/** The whole CBOR item of a float. Every NaN becomes the one quiet NaN. */
export function encodeFloat(value: number): Uint8Array {
  if (Number.isNaN(value)) return Uint8Array.of(0xf9, 0x7e, 0x00)
  scratch.setFloat64(0, value)
  if (!doubleFitsSingle(scratch, 0)) return item(0xfb, 8)
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  if (!singleFitsHalf(bits)) return item(0xfa, 4)
  scratch.setUint16(0, halfBits(bits))
  return item(0xf9, 2)
}

/** The half that equals a single for which `singleFitsHalf` holds and that is no NaN. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const exponent = (bits >>> 23) & 0xff
  const mantissa = bits & SINGLE_MANTISSA
  if (exponent === 0xff) return sign | 0x7c00
  const power = exponent - 127
  if (power < -24) return sign
  if (power >= -14) return sign | ((power + 15) << 10) | (mantissa >>> BITS_LOST_IN_HALF)
  return sign | ((mantissa | (SINGLE_MANTISSA + 1)) >>> (-1 - power))
}

function item(initial: number, width: number): Uint8Array {
  const bytes = new Uint8Array(1 + width)
  bytes[0] = initial
  bytes.set(new Uint8Array(scratch.buffer, 0, width), 1)
  return bytes
}
