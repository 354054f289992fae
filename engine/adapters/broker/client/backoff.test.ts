/**
 * Goal: attempts to connect grow apart, never beyond their limit, never in step.
 * Method: a property over all limits, failures and draws of chance.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Backoff } from './backoff.js'

it('waits between half and all of a span that doubles up to its limit', () => {
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 0, max: 200 }),
      chance,
      (minMs, failures, drawn) => {
        const maxMs = minMs * 60
        const backoff = new Backoff(minMs, maxMs, () => drawn)
        for (let count = 0; count < failures; count++) backoff.failed()
        const spanMs = Math.min(maxMs, minMs * 2 ** Math.min(failures, 30))
        const waitMs = backoff.failed()
        expect(waitMs).toBeGreaterThanOrEqual(spanMs / 2)
        expect(waitMs).toBeLessThanOrEqual(spanMs)
        backoff.succeeded()
        expect(backoff.failed()).toBeLessThanOrEqual(minMs)
      },
    ),
  )
})
