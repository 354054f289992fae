/**
 * Goal: what can be solved is solved, whatever the order and whoever sent the symbols; the deficit says how many more
 * are needed; nothing grows beyond its limit. Method: random windows and losses by property, and golden bytes.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex } from '../core/index.js'
import {
  type Column,
  coefficient,
  columnOf,
  combine,
  LinearSystem,
  MAX_COLUMNS,
  pieceColumn,
  type Solved,
  symbolBytes,
  type Term,
} from './linear-system.js'

interface Item {
  readonly tag: number
  readonly seqNum: number
  readonly data: Uint8Array
}

const columnOfItem = ({ tag, seqNum }: Item) => columnOf(tag, seqNum)

function itemsOf(count: number, bytes = (index: number) => 60 + ((index * 37) % 90)): Item[] {
  return Array.from({ length: count }, (_, index) => ({
    tag: 0xabc0 + (index % 5),
    seqNum: 100 + Math.floor(index / 5),
    data: Uint8Array.from({ length: bytes(index) }, (_, at) => (index * 131 + at * 29 + (at >> 3)) & 0xff),
  }))
}

function termsOf(items: readonly Item[], seed: number): Term[] {
  return items.map(item => ({ column: columnOfItem(item), coefficient: coefficient(seed, item.tag, item.seqNum) }))
}

function symbolOf(items: readonly Item[], seed: number): Uint8Array {
  return combine(items.map(item => ({ coefficient: coefficient(seed, item.tag, item.seqNum), data: item.data })))
}

function expectSolved(solved: readonly Solved[], items: readonly Item[]): void {
  const wanted = new Map<Column, string>(items.map(item => [columnOfItem(item), bytesToHex(item.data)]))
  for (const { column, data } of solved) expect(bytesToHex(data)).toBe(wanted.get(column))
}

describe('coded repair', () => {
  it('gives back every column once there are as many innovative symbols as holes, in any order', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }).chain(count =>
          fc.record({
            count: fc.constant(count),
            held: fc.uniqueArray(fc.nat(count - 1), { maxLength: count - 1 }),
            /** Some are known from the start, others become known between the symbols. */
            late: fc.integer({ min: 0, max: 40 }),
            firstSeed: fc.nat(1000),
            parts: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count)), { maxLength: 10 }),
          }),
        ),
        ({ count, held, late, firstSeed, parts }) => {
          const items = itemsOf(count)
          const system = new LinearSystem()
          const solved: Solved[] = []
          const [later, early] = [held.slice(0, late), held.slice(late)]
          for (const index of early) solved.push(...system.addKnown(columnOfItem(items[index]!), items[index]!.data))
          expect(solved).toEqual([])
          const columns = items.map(columnOfItem)
          const told = new Set(early)
          // Symbols over parts of the window first, as from nodes that hold only those.
          for (const [at, [from, length]] of parts.entries()) {
            const part = items.slice(from, from + length)
            const before = system.deficit(columns)
            const result = system.addEquation(termsOf(part, 5000 + at), symbolOf(part, 5000 + at))
            solved.push(...result.solved)
            expect(system.deficit(columns)).toBe(before - (result.isInnovative ? 1 : 0))
            const index = later.pop()
            if (index === undefined) continue
            told.add(index)
            solved.push(...system.addKnown(columnOfItem(items[index]!), items[index]!.data))
          }
          for (const index of later) {
            told.add(index)
            solved.push(...system.addKnown(columnOfItem(items[index]!), items[index]!.data))
          }
          let symbols = 0
          for (let seed = firstSeed; system.deficit(columns) > 0; seed++) {
            const before = system.deficit(columns)
            const result = system.addEquation(termsOf(items, seed), symbolOf(items, seed))
            solved.push(...result.solved)
            expect(system.deficit(columns)).toBe(before - (result.isInnovative ? 1 : 0))
            symbols += 1
            expect(symbols).toBeLessThanOrEqual(count + 5)
          }
          expectSolved(solved, items)
          expect(new Set(solved.map(({ column }) => column)).size).toBe(solved.length)
          // Whatever was told late may have been solved before.
          const complete = new Set([...solved.map(({ column }) => column), ...[...told].map(index => columns[index]!)])
          expect(complete.size).toBe(count)
          expect(system.equations).toBe(0)
          expect(columns.every(column => system.isKnown(column))).toBe(true)
          expect(system.addEquation(termsOf(items, 9999), symbolOf(items, 9999)).isInnovative).toBe(false)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('counts equations that reach beyond a window only for what they say of it', () => {
    const items = itemsOf(4)
    const [a, b, c, d] = items as [Item, Item, Item, Item]
    const system = new LinearSystem()
    const tell = (part: Item[], seed: number) => system.addEquation(termsOf(part, seed), symbolOf(part, seed))
    const window = [a, b].map(columnOfItem)
    expect(system.deficit(window)).toBe(2)
    tell([a, c], 1)
    expect(system.deficit(window)).toBe(2)
    expect(system.deficit([a, c].map(columnOfItem))).toBe(1)
    tell([b, c, d], 2)
    expect(system.deficit(window)).toBe(2)
    tell([c, d], 3)
    // Now the second says something of b with c alone, and so with a: one of two.
    expect(system.deficit(window)).toBe(1)
    expectSolved(tell([a, b], 4).solved, items)
    expect(system.deficit(window)).toBe(0)
    expect(system.deficit([c, d].map(columnOfItem))).toBe(0)
  })

  it('says nothing new twice', () => {
    const items = itemsOf(5)
    const system = new LinearSystem()
    expect(system.addEquation(termsOf(items, 1), symbolOf(items, 1)).isInnovative).toBe(true)
    expect(system.addEquation(termsOf(items, 1), symbolOf(items, 1)).isInnovative).toBe(false)
    expect(system.addEquation([], new Uint8Array(3)).isInnovative).toBe(false)
    expect(system.equations).toBe(1)
  })

  it('carries columns of every length', () => {
    for (const lengths of [
      [0, 1],
      [127, 128],
      [129, 300],
      [0, 32_767],
    ]) {
      const items = itemsOf(2, index => lengths[index]!)
      const system = new LinearSystem()
      const solved = [1, 2].flatMap(seed => system.addEquation(termsOf(items, seed), symbolOf(items, seed)).solved)
      expect(solved).toHaveLength(2)
      expectSolved(solved, items)
      expect(symbolOf(items, 1)).toHaveLength(symbolBytes(lengths[1]!))
    }
  })

  it('drops what cannot be a column, as when two nodes meant different bytes', () => {
    const [a, b] = itemsOf(2) as [Item, Item]
    const system = new LinearSystem()
    system.addKnown(columnOfItem(b), changed(b.data))
    const { solved } = system.addEquation(termsOf([a, b], 1), symbolOf([a, b], 1))
    // The difference is in the length byte or behind the end, or it looks like data and fails its signature.
    expect(solved.every(({ data }) => bytesToHex(data) !== bytesToHex(a.data))).toBe(true)
    const garbage = new LinearSystem()
    const term = [{ column: columnOfItem(a), coefficient: 1 }]
    expect(garbage.addEquation(term, Uint8Array.of(200, 1)).solved).toEqual([])
    expect(garbage.addEquation(term, Uint8Array.of(1, 5, 6)).solved).toEqual([])
    expect(garbage.addEquation(term, Uint8Array.of(0x80, 1, 5)).solved).toEqual([])
    expect(garbage.equations).toBe(0)
    expectSolved(garbage.addEquation(term, symbolOf([{ ...a, data: Uint8Array.of(1) }], 1)).solved, [])
  })

  it('forgets what is asked to be forgotten', () => {
    const [a, b] = itemsOf(2) as [Item, Item]
    const system = new LinearSystem()
    system.addKnown(columnOfItem(b), b.data)
    system.forget(columnOfItem(b))
    expect(system.isKnown(columnOfItem(b))).toBe(false)
    system.addEquation(termsOf([a, b], 1), symbolOf([a, b], 1))
    system.forget(columnOfItem(a))
    expect(system.equations).toBe(0)
    system.addEquation(termsOf([a, b], 1), symbolOf([a, b], 1))
    system.clear()
    expect(system.equations).toBe(0)
    expect(system.deficit([a, b].map(columnOfItem))).toBe(2)
  })
})

function changed(data: Uint8Array): Uint8Array {
  const copy = data.slice()
  copy[7]! ^= 0x55
  return copy
}

describe('limits', () => {
  it('take equations of all columns there is room for, and of no more', () => {
    const items = itemsOf(MAX_COLUMNS + 1, () => 3)
    const system = new LinearSystem()
    const most = items.slice(0, MAX_COLUMNS)
    expect(system.addEquation(termsOf(most, 1), symbolOf(most, 1)).isInnovative).toBe(true)
    expect(system.addEquation(termsOf(items, 2), symbolOf(items, 2)).isInnovative).toBe(false)
    system.addKnown(columnOfItem(items[0]!), items[0]!.data)
    expect(system.addEquation(termsOf(items, 3), symbolOf(items, 3)).isInnovative).toBe(true)
  })

  it('drop the oldest unknown columns, and with each no more than one equation', () => {
    const system = new LinearSystem()
    const items = itemsOf(MAX_COLUMNS + 10, () => 3)
    const old = items.slice(0, 20)
    for (let seed = 0; seed < 15; seed++) system.addEquation(termsOf(old, seed), symbolOf(old, seed))
    const young = items.slice(20)
    system.addEquation(termsOf(young, 99), symbolOf(young, 99))
    // Ten of the twenty had to go.
    expect(system.equations).toBe(15 - 10 + 1)
    const kept = items.slice(10, 20)
    expect(system.deficit(kept.map(columnOfItem))).toBe(5)
    const solved: Solved[] = []
    for (let seed = 200; seed < 205; seed++) {
      solved.push(...system.addEquation(termsOf(kept, seed), symbolOf(kept, seed)).solved)
    }
    expect(solved).toHaveLength(10)
    expectSolved(solved, kept)
  })

  it('drop the columns that have been known longest', () => {
    const system = new LinearSystem()
    const items = itemsOf(MAX_COLUMNS + 1, () => 3)
    for (const item of items) system.addKnown(columnOfItem(item), item.data)
    expect(system.isKnown(columnOfItem(items[0]!))).toBe(false)
    expect(system.isKnown(columnOfItem(items[1]!))).toBe(true)
    expect(system.isKnown(columnOfItem(items.at(-1)!))).toBe(true)
  })
})

describe('what is on the air', () => {
  it('has these coefficients', () => {
    const some = [0, 1, 255, 65_535].map(seed => coefficient(seed, 0xabcd, 7))
    expect(some).toEqual([199, 65, 207, 78])
    expect([0, 1, 2].map(piece => coefficient(1, 0xabcd, 2 ** 32 - 1, piece))).toEqual([41, 54, 177])
  })

  it('never has a coefficient of zero, and all others about as often', () => {
    const counts = new Uint32Array(256)
    for (let seed = 0; seed < 100; seed++) {
      for (let seqNum = 0; seqNum < 255; seqNum++) counts[coefficient(seed, seqNum % 7, seqNum)]! += 1
    }
    expect(counts[0]).toBe(0)
    expect(Math.min(...counts.slice(1))).toBeGreaterThan(50)
    expect(Math.max(...counts)).toBeLessThan(150)
  })

  it('has this symbol', () => {
    const items = [
      { tag: 1, seqNum: 2, data: Uint8Array.of(0xaa, 0xbb) },
      { tag: 3, seqNum: 4, data: Uint8Array.of(0xcc, 0xdd, 0xee) },
    ]
    expect(bytesToHex(symbolOf(items, 5))).toBe('5e341e41')
    expect(bytesToHex(combine([{ coefficient: 1, data: new Uint8Array(128) }])).slice(0, 6)).toBe('808000')
  })

  it('has columns of their own for operations and pieces', () => {
    expect(columnOf(0xffff, 2 ** 32 - 1)).toBe(2 ** 48 - 1)
    expect(pieceColumn(1, 2, 3)).toBe('1.2.3')
  })
})
