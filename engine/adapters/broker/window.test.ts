/**
 * Goal: acknowledging one message leaves exactly those owed that were delivered before it in its log and not acknowledged.
 * Method: a property against a plain list; deliveries in sequence per author, acknowledgements in any order.
 */

import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { OperationId, VerifyingKey } from '../../core/index.js'
import { Window } from './window.js'

it('owes what a list of open messages says', () => {
  const step = fc.oneof(
    fc.record({ deliver: fc.constantFrom('a', 'b', 'c') }),
    fc.record({ acknowledge: fc.nat({ max: 30 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (steps, size) => {
      const window = new Window(size)
      const next = new Map<string, number>()
      const open: { id: OperationId; author: string; seqNum: number }[] = []
      const all: OperationId[] = []
      for (const one of steps) {
        if ('deliver' in one) {
          if (window.isFull) continue
          const seqNum = next.get(one.deliver) ?? 0
          next.set(one.deliver, seqNum + 1)
          const id = `${one.deliver}${seqNum}` as OperationId
          all.push(id)
          open.push({ id, author: one.deliver, seqNum })
          window.delivered(id, one.deliver as VerifyingKey, seqNum)
        } else {
          const id = all[one.acknowledge % Math.max(1, all.length)] ?? ('none' as OperationId)
          const at = open.findIndex(message => message.id === id)
          const [message] = at < 0 ? [] : open.splice(at, 1)
          const owed = open.filter(other => other.author === message?.author && other.seqNum < message.seqNum)
          expect(window.acknowledged(id)).toEqual(message ? owed.map(other => other.id) : null)
        }
        expect(window.flying).toBe(open.length)
        expect(window.isFull).toBe(open.length >= size)
      }
    }),
  )
})
