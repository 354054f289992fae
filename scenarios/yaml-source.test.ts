/**
 * Goal: a mapping of many keys costs no more than its size, and a key that stands twice is found all the same.
 * Method: the same keys in one mapping and spread over small ones, side by side, so that a busy machine slows both.
 */

import { describe, expect, it } from 'vitest'
import { Problems, ScenarioError } from './problems.js'
import { readSource } from './yaml-source.js'

/** Enough for every pair of keys to cost several times what the keys themselves cost. */
const KEYS = 20_000

function elapsedMs(text: string): number {
  const startedAt = performance.now()
  readSource(text, 'many.yaml', new Problems('many.yaml'))
  return performance.now() - startedAt
}

function firstOf(text: string): string | undefined {
  try {
    readSource(text, 'twice.yaml', new Problems('twice.yaml'))
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    const [first] = error.problems
    return first && `${first.line}:${first.column} ${first.message}`
  }
  return undefined
}

describe('keys of one mapping', () => {
  it('are compared without looking at every pair of them', () => {
    const keys = Array.from({ length: KEYS }, (_, index) => index)
    const spread = keys.map(index => `${index % 10 === 0 ? '- ' : '  '}k${index}: 1`).join('\n')
    const together = keys.map(index => `k${index}: 1`).join('\n')
    // The better of two, since the first warms up and either may be disturbed.
    const [spreadMs, togetherMs] = [spread, together].map(text => Math.min(elapsedMs(text), elapsedMs(text)))
    expect(togetherMs).toBeLessThan(3 * spreadMs!)
  })

  it.each([
    ['of a block', 'a: 1\nb: 2\na: 3\n', '3:1 the key a stands twice'],
    ['of a flow mapping', '{ a: 1, b: { c: 1, c: 2 } }', '1:20 the key c stands twice'],
    ['in quotes and without', 'a: 1\n"a": 2\n', '2:1 the key a stands twice'],
    ['that say nothing', '? \n: 1\n? \n: 2\n', '3:3 the key stands twice'],
    ['beside another mistake', 'a: 1\na: 2\nb: "\\q"\n', '2:1 the key a stands twice'],
  ])('may stand once: %s', (_, text, first) => {
    expect(firstOf(text)).toBe(first)
  })

  it('may be the same in two mappings, and differ by a letter or by kind', () => {
    expect(firstOf('- { a: 1, A: 2 }\n- { a: 1, b: { a: 2 } }\n- { 1: 1, "1": 2 }\n')).toBeUndefined()
  })
})
