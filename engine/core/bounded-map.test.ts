/** Goal: a cache that keeps what is asked for and never grows past its bound. Method: the bound, and one past it. */

import { describe, expect, it } from 'vitest'
import { BoundedMap } from './bounded-map.js'

describe('BoundedMap', () => {
  it('keeps as many entries as promised', () => {
    const map = new BoundedMap<number, number>(10)
    for (let key = 0; key < 10; key++) map.set(key, key)
    for (let key = 0; key < 10; key++) expect(map.get(key)).toBe(key)
    map.set(10, 10)
    for (let key = 0; key <= 10; key++) expect(map.get(key)).toBe(key)
  })

  it('never holds more than twice that', () => {
    const map = new BoundedMap<number, number>(10)
    for (let key = 0; key < 1000; key++) {
      map.set(key, key)
      map.get(key - 7)
      expect(map.size).toBeLessThanOrEqual(20)
    }
  })

  it('forgets what nobody asks for, and keeps what somebody does', () => {
    const map = new BoundedMap<number, number>(10)
    map.set(-1, 1)
    map.set(-2, 2)
    for (let key = 0; key < 100; key++) {
      map.set(key, key)
      expect(map.get(-1)).toBe(1)
    }
    expect(map.get(-2)).toBeUndefined()
  })

  it('changes the value of a key without pushing others out', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 1)
    map.set('a', 2)
    expect([map.get('a'), map.get('b')]).toEqual([2, 1])
  })
})
