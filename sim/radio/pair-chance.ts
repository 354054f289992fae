/**
 * Chance that belongs to a pair of nodes, such as the hills between them. It hangs on the two names alone, so neither the
 * order in which pairs are met nor a further node changes it, and both directions share it.
 *
 * The kernel's streams take two kilobytes each, too much for the 45,000 pairs of 300 nodes in range of each other. One of
 * them gives each air a key, and every pair gets a small generator (Doty-Humphrey's sfc32) keyed by that and by the names.
 */

import { roundTo, type SimRandom } from '../kernel/index.js'

/** Rounds until the seed is spread over the whole state. PractRand's author uses 12 for three words of seed. */
const WARM_UP_ROUNDS = 15

export interface PairChance {
  /** Normal with mean 0 and deviation 1, rounded to 2^-20. */
  normal(): number
}

export function createPairs(random: SimRandom): (one: string, other: string) => PairChance {
  const key = random.int(2 ** 32)
  return (one, other) => {
    const [low, high] = one < other ? [one, other] : [other, one]
    return generator(key, nameHash(low), nameHash(high))
  }
}

function generator(key: number, low: number, high: number): PairChance {
  let a = key | 0
  let b = low | 0
  let c = high | 0
  let counter = 1

  const word = (): number => {
    const result = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return result >>> 0
  }
  for (let round = 0; round < WARM_UP_ROUNDS; round++) word()

  return {
    normal() {
      // Box-Muller; the half step keeps the logarithm's argument above zero.
      const radius = Math.sqrt(-2 * Math.log((word() + 0.5) / 2 ** 32))
      return roundTo(radius * Math.cos((2 * Math.PI * word()) / 2 ** 32), 2 ** -20)
    },
  }
}

/** FNV-1a, over UTF-16 units: names are told apart, nothing more. */
function nameHash(name: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  return hash >>> 0
}
