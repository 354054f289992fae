/**
 * Goal: the same seed gives the same run, bit for bit, and every difference shows in the fingerprint.
 * Method: small loads of self-scheduling events, run twice or with one thing changed.
 */

import { describe, expect, it } from 'vitest'
import { createKernel, type Kernel, type KernelOptions, WORLD } from './index.js'

/** Some nodes that reschedule themselves at drawn moments and note what they drew. */
function load(options: Partial<KernelOptions> = {}, nodes = 5): Kernel {
  const kernel = createKernel({ seed: 1, ...options })
  for (let node = 0; node < nodes; node++) {
    const random = kernel.random(`n${node}`)
    const tick = (): void => {
      const drawn = random.int(1_000)
      kernel.note(drawn)
      kernel.schedule(1 + drawn, 'tick', node, tick)
    }
    kernel.schedule(node, 'tick', node, tick)
  }
  return kernel
}

describe('kernel', () => {
  it('runs events in the order of time, and of scheduling at one moment', () => {
    const kernel = createKernel({ seed: 1 })
    const ran: string[] = []
    kernel.schedule(20, 'x', 0, () => ran.push(`c ${kernel.nowUs}`))
    kernel.schedule(10, 'x', 0, () => {
      ran.push(`a ${kernel.nowUs}`)
      kernel.schedule(0, 'x', 0, () => ran.push(`b2 ${kernel.nowUs}`))
    })
    kernel.schedule(10, 'x', 0, () => ran.push(`b1 ${kernel.nowUs}`))
    expect(kernel.run()).toBe('idle')
    expect(ran).toEqual(['a 10', 'b1 10', 'b2 10', 'c 20'])
    expect([kernel.events, kernel.scheduled, kernel.nowUs]).toEqual([4, 0, 20])
  })

  it('stops at its limits and says which: the moment is included, the clock is left there', () => {
    const kernel = createKernel({ seed: 1 })
    for (const delay of [10, 20, 21]) kernel.schedule(delay, 'x', 0, () => {})
    expect([kernel.run({ untilUs: 20 }), kernel.events, kernel.nowUs]).toEqual(['until', 2, 20])
    expect([kernel.run({ maxEvents: 0 }), kernel.events]).toEqual(['max-events', 2])
    kernel.schedule(0, 'x', 0, () => kernel.stop())
    expect([kernel.run(), kernel.events, kernel.scheduled]).toEqual(['stopped', 3, 1])
    expect([kernel.run({ maxEvents: 5 }), kernel.events]).toEqual(['idle', 4])
  })

  it('never runs a cancelled event, and counts none', () => {
    const kernel = createKernel({ seed: 1 })
    const handle = kernel.schedule(1, 'x', 0, () => expect.unreachable())
    expect(handle.pending).toBe(true)
    handle.cancel()
    expect([kernel.run(), kernel.events, handle.pending]).toEqual(['idle', 0, false])
  })

  it('refuses the past, fractions of a microsecond, and a run within a run', () => {
    const kernel = createKernel({ seed: 1 })
    expect(() => kernel.schedule(-1, 'x', 0, () => {})).toThrow(/whole microsecond/)
    expect(() => kernel.schedule(0.5, 'x', 0, () => {})).toThrow(/whole microsecond/)
    kernel.schedule(0, 'x', 0, () => kernel.run())
    expect(() => kernel.run()).toThrow(/does not run its own kernel/)
  })

  it('can go on after an event that threw', () => {
    const kernel = createKernel({ seed: 1 })
    let hasRun = false
    kernel.schedule(1, 'x', 0, () => {
      throw new Error('on purpose')
    })
    kernel.schedule(2, 'x', 0, () => {
      hasRun = true
    })
    expect(() => kernel.run()).toThrow('on purpose')
    expect([kernel.run(), hasRun]).toEqual(['idle', true])
  })

  it('hands what an event threw to whoever asked for it, with the node', () => {
    const caught: [string, number][] = []
    const kernel = createKernel({ seed: 1, onThrow: (error, node) => caught.push([String(error), node]) })
    kernel.schedule(1, 'x', 7, () => {
      throw new Error('on purpose')
    })
    expect([kernel.run(), caught]).toEqual(['idle', [['Error: on purpose', 7]]])
  })

  describe('fingerprint', () => {
    const printOf = (kernel: Kernel, maxEvents = 10_000): string => {
      kernel.run({ maxEvents })
      return kernel.fingerprint()
    }

    it('is 64 hex characters and the same for the same run', () => {
      expect(printOf(load())).toMatch(/^[0-9a-f]{64}$/)
      expect(printOf(load())).toBe(printOf(load()))
    })

    it('does not depend on how a run is cut into pieces, nor on being asked for', () => {
      const pieces = load()
      for (let n = 0; n < 100; n++) printOf(pieces, 100)
      expect(pieces.fingerprint()).toBe(printOf(load()))
    })

    it.each<[string, (kernel: Kernel) => void]>([
      ['another moment', kernel => kernel.schedule(6, 'x', 3, () => {})],
      ['another kind', kernel => kernel.schedule(5, 'y', 3, () => {})],
      ['another node', kernel => kernel.schedule(5, 'x', 4, () => {})],
      [
        'another order',
        kernel => [kernel.schedule(9, 'x', 3, () => {}).cancel(), kernel.schedule(5, 'x', 3, () => {})],
      ],
      ['a note of a number', kernel => kernel.schedule(5, 'x', 3, () => kernel.note(0))],
      ['a note of bytes', kernel => kernel.schedule(5, 'x', 3, () => kernel.note(new Uint8Array(1)))],
      ['a note of a text', kernel => kernel.schedule(5, 'x', 3, () => kernel.note('a'))],
      ['a note of nothing', kernel => kernel.schedule(5, 'x', 3, () => kernel.note([]))],
    ])('shows %s', (_, prepare) => {
      const plain = createKernel({ seed: 1 })
      plain.schedule(5, 'x', 3, () => {})
      const changed = createKernel({ seed: 1 })
      prepare(changed)
      expect(printOf(plain)).not.toBe(printOf(changed))
    })

    it('shows the seed and the epoch even when nothing was drawn', () => {
      const prints = [{ seed: 1 }, { seed: 2 }, { seed: 1, epochUs: 0 }].map(options => printOf(createKernel(options)))
      expect(new Set(prints).size).toBe(3)
    })

    it('takes in notes larger than its buffer, whole', () => {
      const note = (length: number, last: number): string => {
        const kernel = createKernel({ seed: 1 })
        const bytes = new Uint8Array(length)
        bytes[length - 1] = last
        kernel.note(bytes)
        return kernel.fingerprint()
      }
      expect(note(200_000, 1)).not.toBe(note(200_000, 2))
      expect(note(200_000, 1)).toBe(note(200_000, 1))
    })

    it('holds for this version of Thicket', () => {
      expect(printOf(load())).toBe('412a41b499c1ffec115a545e747f84d032c923a3617f7b3f661feab8bbf2ede8')
    })
  })

  it('gives one object for one name of chance, and shifts no stream by another', () => {
    const plain = createKernel({ seed: 5 })
    const busy = createKernel({ seed: 5 })
    busy.random('other').bytes(100)
    const drawn = [plain, busy].map(kernel => {
      const values: number[] = []
      for (let n = 0; n < 10; n++) {
        values.push(kernel.random('mine').float())
        if (kernel === busy) busy.random(`new ${n}`).float()
      }
      return values
    })
    expect(plain.random('mine')).toBe(plain.random('mine'))
    expect(drawn[0]).toEqual(drawn[1])
    expect(createKernel({ seed: 6 }).random('mine').float()).not.toBe(drawn[0]![0])
  })

  it('hands its trace on, and a silent one when there is none', () => {
    const told: string[] = []
    createKernel({ seed: 1, trace: { event: type => told.push(type) } }).trace.event('x', {})
    createKernel({ seed: 1 }).trace.event('y', {})
    expect(told).toEqual(['x'])
    expect(WORLD).toBe(-1)
  })
})
