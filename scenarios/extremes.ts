/** The least and the most that an amount can be drawn as. */

import type { Quantity } from './types.js'

export function least(amount: Quantity): number {
  return typeof amount === 'number' ? amount : amount.from
}

export function greatest(amount: Quantity): number {
  return typeof amount === 'number' ? amount : amount.to
}
