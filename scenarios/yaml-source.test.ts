/**
 * Goal: a mapping of many keys costs no more than its size, and a key that stands twice is found all the same.
 * Method: so many keys that looking at every pair would not end in time; and the forms in which a key can stand twice.
 */

import { describe, expect, it } from 'vitest'
import { Problems, ScenarioError } from './problems.js'
import { readSource } from './yaml-source.js'

/** Comparing every pair of so many would take minutes, and so run into the time limit of the test. */
const KEYS = 60_000

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
    const keys = Array.from({ length: KEYS }, (_, index) => `k${index}: 1`)
    expect(firstOf([...keys, 'k7: 2'].join('\n'))).toBe(`${KEYS + 1}:1 the key k7 stands twice`)
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
