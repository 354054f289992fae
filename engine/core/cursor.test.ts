/** Goal: a cursor only moves forward, per author and log, and travels as CBOR. Method: the checklist, odd encodings. */

import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  Cursor,
  encodeCbor,
  hexToBytes,
  idBytes,
  isThicketError,
  LogId,
  portableCrypto,
  VerifyingKey,
} from './index.js'

const authorOf = (index: number) => VerifyingKey.fromBytes(portableCrypto.verifyingKey(new Uint8Array(32).fill(index)))
const ann = authorOf(1)
const ben = authorOf(2)
const one = LogId.fromHex('01'.repeat(32))
const two = LogId.fromHex('02'.repeat(32))

describe('a cursor', () => {
  it('[7.3] advances each log of each author by itself', () => {
    const cursor = new Cursor('x').advance(ann, two, 7).advance(ann, one, 3).advance(ben, one, 0)
    expect(cursor.logHeight(ann, one)).toBe(3)
    expect(cursor.logHeight(ann, two)).toBe(7)
    expect(cursor.logHeight(ben, one)).toBe(0)
    expect(cursor.logHeight(ben, two)).toBeUndefined()
    expect(cursor.name).toBe('x')
    expect([...cursor.state.get(ann)!.keys()]).toEqual([one, two])
  })

  it('[7.3] never moves backwards', () => {
    const cursor = new Cursor('x').advance(ann, one, 3)
    expect(cursor.advance(ann, one, 2)).toBe(cursor)
    expect(cursor.advance(ann, one, 3)).toBe(cursor)
    expect(cursor.advance(ann, one, 4).logHeight(ann, one)).toBe(4)
    expect(cursor.logHeight(ann, one)).toBe(3)
  })

  it('[7.3] compares in both directions', () => {
    const behind = new Cursor('x').advance(ann, one, 3)
    const ahead = behind.advance(ann, one, 5).advance(ben, one, 0)
    expect(behind.compare(ahead.state).sort((left, right) => left.until - right.until)).toEqual([
      { author: ben, logId: one, after: null, until: 0 },
      { author: ann, logId: one, after: 3, until: 5 },
    ])
    expect(ahead.compare(behind.state)).toEqual([])
  })

  it('comes back from its bytes; empty too, and with more at the end', () => {
    const cursor = new Cursor('name').advance(ann, one, 3).advance(ben, two, 0xffff_ffff)
    expect(Cursor.decode(cursor.encode())).toEqual(cursor)
    expect(Cursor.decode(new Cursor('').encode())).toEqual(new Cursor(''))
    expect(Cursor.decode(hexToBytes('836178a001'))).toEqual(new Cursor('x'))
  })

  it('writes keys in ascending order, whatever order they came in', () => {
    const [low, high] = [ann, ben].sort() as [VerifyingKey, VerifyingKey]
    const unordered = new Cursor(
      'x',
      new Map([
        [high, new Map([[one, 1]])],
        [low, new Map([[one, 1]])],
      ]),
    )
    const hex = bytesToHex(unordered.encode())
    expect(hex.indexOf(low)).toBeLessThan(hex.indexOf(high))
  })

  it.each([
    ['no array', 1],
    ['no name', []],
    ['a name that is no text', [1, {}]],
    ['no heights', ['x']],
    ['heights that are no map', ['x', [1]]],
    ['an author that is a text', ['x', { a: {} }]],
    ['an author of 31 bytes', ['x', new Map([[new Uint8Array(31), {}]])]],
    ['an author that is no point', ['x', new Map([[hexToBytes(`02${'00'.repeat(31)}`), {}]])]],
    ['a log id that is a number', ['x', new Map([[idBytes(ann), new Map([[1, 1]])]])]],
    ['a height below 0', ['x', new Map([[idBytes(ann), new Map([[idBytes(one), -1]])]])]],
    ['a height of 33 bits', ['x', new Map([[idBytes(ann), new Map([[idBytes(one), 2 ** 32]])]])]],
  ])('with %s is a coded error', (_, value) => {
    let thrown: unknown
    try {
      Cursor.decode(encodeCbor(value as never))
    } catch (error) {
      thrown = error
    }
    expect(isThicketError(thrown)).toBe(true)
  })
})
