/** Bits of a frame, one for each operation of a window: holes of a WANT, and what a symbol is made of. */

export function bitmapOf(count: number): Uint8Array {
  return new Uint8Array(Math.ceil(count / 8))
}

export function setBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3]! |= 1 << (index & 7)
}

export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3]! >> (index & 7)) & 1) === 1
}
