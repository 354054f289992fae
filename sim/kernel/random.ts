/**
 * Chance from one seed, forked by name. Each name has a stream of its own, so a new name, or more draws from one,
 * shifts no other; this is what keeps a failing seed failing while a scenario is being cut down around it.
 *
 * The generator is seedrandom's ARC4: integer arithmetic alone, the same on every machine. It is keyed by the hash of
 * seed and name, because ARC4's key schedule shows kinship between keys that look alike.
 */

import seedrandom from 'seedrandom'
import { bytesToHex, invariant } from '../../engine/core/index.js'
import type { Random } from '../../engine/ports.js'
import { hashParts } from './fingerprint.js'
import { roundTo } from './rounding.js'

export interface SimRandom extends Random {
  /** Uniform among the integers 0 to n - 1; n is 1 to 2^32. */
  int(n: number): number
  /** Normal with mean 0 and deviation 1, rounded to 2^-20. */
  normal(): number
}

/** Largest n of `int`: above it the 53 bits of a float would favour some values measurably. */
const MAX_INT_RANGE = 2 ** 32

export function createSeedTree(seed: number): (name: string) => SimRandom {
  const streams = new Map<string, SimRandom>()
  return name => {
    let stream = streams.get(name)
    if (stream === undefined) {
      stream = createStream(bytesToHex(hashParts(new TextEncoder().encode(`${seed}/${name}`))))
      streams.set(name, stream)
    }
    return stream
  }
}

function createStream(key: string): SimRandom {
  const generator = seedrandom(key)
  const float = (): number => generator.double()
  return {
    float,
    int(n) {
      invariant(Number.isInteger(n) && n >= 1 && n <= MAX_INT_RANGE, 'a range of integers is between 1 and 2^32')
      return Math.floor(float() * n)
    },
    normal() {
      // Box-Muller; 1 - x keeps the logarithm's argument above zero.
      const radius = Math.sqrt(-2 * Math.log(1 - float()))
      return roundTo(radius * Math.cos(2 * Math.PI * float()), 2 ** -20)
    },
    bytes(length) {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 4) {
        const word = generator.int32()
        for (let byte = 0; byte < 4 && at + byte < length; byte++) bytes[at + byte] = (word >>> (byte * 8)) & 0xff
      }
      return bytes
    },
  }
}
