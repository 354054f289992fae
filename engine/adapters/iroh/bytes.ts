/**
 * Bytes as the library takes and gives them: arrays of numbers. It reads them one by one, at some 80 nanoseconds each on
 * either side, which no way of making the array changes; so it is filled in one pass and nothing is copied beside it.
 */

export function numbersOf(bytes: Uint8Array): number[] {
  const numbers = new Array<number>(bytes.length)
  for (let at = 0; at < numbers.length; at++) numbers[at] = bytes[at]!
  return numbers
}

export function bytesOf(numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers)
}
