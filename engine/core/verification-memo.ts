/**
 * A header that was verified once in this process is not verified again, for whichever node: the verdict is a pure
 * function of its bytes, and the id is their hash.
 */

import { BoundedMap } from './bounded-map.js'
import type { OperationId } from './ids.js'

export interface VerificationMemo {
  /** True when a header with this id was found good. */
  has(id: OperationId): boolean
  add(id: OperationId): void
}

/** @param limit headers remembered for certain; up to twice as many may be. About 150 bytes each. */
export function createVerificationMemo(limit: number): VerificationMemo {
  const good = new BoundedMap<OperationId, true>(limit)
  return {
    has: id => good.get(id) === true,
    add: id => good.set(id, true),
  }
}
