/**
 * Goal: the outbox keeps its order and its bounds, and a storage that fails loses nothing that was promised.
 * Method: examples at each limit and one past it; the storage is a map.
 */

import { expect, it } from 'vitest'
import { BrokerError } from './errors.js'
import { OUTBOX_CHARACTERS, OUTBOX_ENTRIES, PUBLICATIONS_IN_FLIGHT } from './limits.js'
import type { PublishMessage } from './messages.js'
import { Outbox } from './outbox.js'

const nobody = { resolve() {}, reject() {} }

function entry(ref: string, text = ''): PublishMessage {
  return { type: 'publish', ref, topic: 't', message: text }
}

function storageOn(kept: Map<string, string>) {
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
}

it('takes so many entries and so many characters', () => {
  const outbox = new Outbox(null, 'k')
  for (let at = 0; at < OUTBOX_ENTRIES; at++) outbox.add(entry(String(at)), nobody)
  expect(() => outbox.add(entry('more'), nobody)).toThrow(expect.objectContaining({ code: 'outbox-full' }))
  outbox.published('0', 'id')
  outbox.add(entry('more'), nobody)

  const frame = JSON.stringify(entry('a')).length
  new Outbox(null, 'k').add(entry('a', 'x'.repeat(OUTBOX_CHARACTERS - frame)), nobody)
  expect(() => new Outbox(null, 'k').add(entry('a', 'x'.repeat(OUTBOX_CHARACTERS - frame + 1)), nobody)).toThrow(
    BrokerError,
  )
})

it('sends in order, a bounded number at a time, and all of it again after a rewind', () => {
  const outbox = new Outbox(null, 'k')
  const refs = Array.from({ length: PUBLICATIONS_IN_FLIGHT + 2 }, (_, at) => String(at))
  for (const ref of refs) outbox.add(entry(ref), nobody)
  expect(outbox.take().map(({ ref }) => ref)).toEqual(refs.slice(0, PUBLICATIONS_IN_FLIGHT))
  expect(outbox.take()).toEqual([])
  outbox.published('1', 'id')
  expect(outbox.take().map(({ ref }) => ref)).toEqual([refs[PUBLICATIONS_IN_FLIGHT]])
  outbox.rewind()
  expect(outbox.take().map(({ ref }) => ref)).toEqual(refs.filter(ref => ref !== '1').slice(0, PUBLICATIONS_IN_FLIGHT))
})

it('is restored from its storage, without what is not its own', () => {
  const kept = new Map<string, string>()
  const outbox = new Outbox(storageOn(kept), 'k')
  for (const ref of ['a', 'b', 'c']) outbox.add(entry(ref, ref), nobody)
  outbox.published('b', 'id')
  expect(new Outbox(storageOn(kept), 'k').entries).toEqual([entry('a', 'a'), entry('c', 'c')])
  kept.set('k', JSON.stringify([7, null, { type: 'ack' }, entry('d')]))
  expect(new Outbox(storageOn(kept), 'k').entries).toEqual([entry('d')])
  kept.set('k', 'garbage')
  expect(new Outbox(storageOn(kept), 'k').entries).toEqual([])
})

it('queues nothing that its storage does not take', () => {
  const storage = {
    ...storageOn(new Map()),
    setItem() {
      throw new Error('no room')
    },
  }
  const outbox = new Outbox(storage, 'k')
  expect(() => outbox.add(entry('a'), nobody)).toThrow('no room')
  expect(outbox.entries).toEqual([])
})
