/**
 * Goal: a first signal asks, a second one insists, and one that came twice is still one.
 * Method: signals, time and exit by hand.
 */

import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { SIGNAL_ECHO_MS } from './limits.js'
import { firstSignal } from './signals.js'

function listening(): { source: EventEmitter; first: Promise<string>; exits: number[]; at: (ms: number) => void } {
  const source = new EventEmitter()
  const exits: number[] = []
  let now = 1_000
  const first = firstSignal({ source, nowMs: () => now, exit: code => exits.push(code) })
  return {
    source,
    first,
    exits,
    at: ms => {
      now = 1_000 + ms
    },
  }
}

describe('signals', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s asks for the end', async signal => {
    const { source, first, exits } = listening()
    source.emit(signal)
    expect(await first).toBe(signal)
    expect(exits).toEqual([])
  })

  it('the echo of a signal, as npx makes it, does not insist', () => {
    const { source, exits, at } = listening()
    source.emit('SIGINT')
    at(SIGNAL_ECHO_MS - 1)
    source.emit('SIGINT')
    expect(exits).toEqual([])
  })

  it('a second one ends the process at once, and its code says which it was', () => {
    const { source, exits, at } = listening()
    source.emit('SIGTERM')
    at(SIGNAL_ECHO_MS)
    source.emit('SIGINT')
    expect(exits).toEqual([130])
  })
})
