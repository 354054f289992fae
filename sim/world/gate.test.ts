/**
 * Goal: nothing reaches a dead process, and a paused one hears everything later, in order.
 * Method: work passed through a gate in each of its states; a clock whose timers fire into a pause.
 */

import { expect, it } from 'vitest'
import { createKernel, WORLD } from '../kernel/index.js'
import { Gate, gatedClock } from './gate.js'

function gate() {
  const ran: string[] = []
  const it = new Gate()
  return { gate: it, ran, pass: (name: string) => it.pass(() => ran.push(name)) }
}

it('lets work through at once, and never after death', () => {
  const { gate: door, ran, pass } = gate()
  pass('a')
  door.kill()
  pass('b')
  expect(ran).toEqual(['a'])
  expect(door.alive).toBe(false)
})

it('keeps what comes in a pause, in order, and forgets it when the process dies', () => {
  const { gate: door, ran, pass } = gate()
  door.pause()
  pass('a')
  pass('b')
  expect(ran).toEqual([])
  door.resume()
  expect(ran).toEqual(['a', 'b'])
  door.pause()
  pass('c')
  door.kill()
  door.resume()
  expect(ran).toEqual(['a', 'b'])
})

it('goes on when the last of overlapping pauses is over', () => {
  const { gate: door, ran, pass } = gate()
  door.pause()
  door.pause()
  pass('a')
  door.resume()
  expect(ran).toEqual([])
  door.resume()
  expect(ran).toEqual(['a'])
})

it('is not left ajar by the end of a pause that an earlier life began', () => {
  const { gate: door, ran, pass } = gate()
  door.resume()
  door.pause()
  pass('a')
  expect(ran).toEqual([])
})

it('does not fire a timer into a pause, and honours a cancellation by what ran before it', () => {
  const kernel = createKernel({ seed: 1 })
  const door = new Gate()
  const clock = gatedClock(kernel.clock(0), door)
  const ran: string[] = []
  clock.after(10, () => {
    ran.push('first')
    second.cancel()
  })
  const second = clock.after(20, () => ran.push('second'))
  door.pause()
  kernel.schedule(30_000, 'test', WORLD, () => door.resume())
  kernel.run()
  expect(ran).toEqual(['first'])
})
