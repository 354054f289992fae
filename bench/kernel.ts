/**
 * How many events does the kernel run in a second, with the fingerprint on?
 * Two loads over 1,000 nodes: timers that reschedule themselves; and sessions that set a time limit with every step and
 * cancel the one before, so that nine of ten scheduled events never run.
 */

import { cpus } from 'node:os'
import { createKernel, type EventHandle, type Kernel } from '../sim/kernel/index.js'

const NODES = 1_000
const EVENTS = 2_000_000
const WARM_UP = 200_000
const ROUNDS = 3

function timers(kernel: Kernel): void {
  const kind = kernel.kind('tick')
  for (let node = 0; node < NODES; node++) {
    const random = kernel.random(`node/${node}`)
    const tick = (): void => {
      kernel.schedule(1 + random.int(1_000), kind, node, tick)
    }
    kernel.schedule(node, kind, node, tick)
  }
}

function cancelHeavy(kernel: Kernel): void {
  const step = kernel.kind('step')
  const limit = kernel.kind('limit')
  for (let node = 0; node < NODES; node++) {
    const limits: (EventHandle | null)[] = new Array<EventHandle | null>(9).fill(null)
    const tick = (): void => {
      for (let at = 0; at < limits.length; at++) {
        limits[at]?.cancel()
        limits[at] = kernel.schedule(1_000_000, limit, node, () => {})
      }
      kernel.schedule(1_000, step, node, tick)
    }
    kernel.schedule(node, step, node, tick)
  }
}

function measure(name: string, load: (kernel: Kernel) => void, events: number): void {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const kernel = createKernel({ seed: 1 })
    load(kernel)
    kernel.run({ maxEvents: WARM_UP })
    const begin = performance.now()
    kernel.run({ maxEvents: events })
    rates.push((events / (performance.now() - begin)) * 1_000)
  }
  const shown = rates.map(rate => Math.round(rate).toLocaleString('en')).join('  ')
  console.log(`${name.padEnd(44)} ${shown} events/s`)
}

console.log(
  `kernel, fingerprint on, ${ROUNDS} rounds; Node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}`,
)
measure('timers rescheduling themselves, one draw each', timers, EVENTS)
measure('steps that cancel and set 9 time limits each', cancelHeavy, EVENTS / 10)
