/**
 * How fast is the air, and how fast a world of full nodes on it?
 * First the air alone: LONG_FAST radios that send frames of 100 bytes for a twentieth of the time each, as far as they find
 * the channel free, all in range of each other and spread out so that each hears about fifteen. Then whole scenarios:
 * nodes with their storage, one publication a minute, one broadcast domain. Virtual time over true time is the result.
 */

import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LORA_PRESETS } from '../scenarios/index.js'
import { createKernel } from '../sim/kernel/index.js'
import { createLoraAir } from '../sim/radio/index.js'
import { machine, median } from './figures.js'

const SIZES = [30, 100, 300] as const
const ROUNDS = 3
const FRAME_BYTES = 100
const DUTY = 0.05
const EVENTS = 200_000
/** With the exponent below, LONG_FAST reaches 1.9 km at 14 dBm. */
const NEIGHBOURS = 15
const REACH_M = 1_900

interface AirRun {
  readonly eventsPerS: number
  readonly timesRealTime: number
  readonly receptionsPerFrame: number
}

export async function benchRadio(): Promise<void> {
  console.log(
    `air alone: ${FRAME_BYTES}-byte frames at ${DUTY * 100} % duty, ${EVENTS.toLocaleString('en')} events, ${machine()}`,
  )
  for (const layout of ['in range', 'spread out'] as const) {
    for (const nodes of SIZES) {
      const runs = Array.from({ length: ROUNDS }, (_, round) => airAlone(nodes, layout, round + 1))
      const events = Math.round(median(runs.map(({ eventsPerS }) => eventsPerS))).toLocaleString('en')
      const times = Math.round(median(runs.map(({ timesRealTime }) => timesRealTime))).toLocaleString('en')
      const heard = median(runs.map(({ receptionsPerFrame }) => receptionsPerFrame)).toFixed(1)
      console.log(
        `  ${String(nodes).padStart(3)} nodes, ${layout.padEnd(12)} ${events.padStart(10)} events/s  ${times.padStart(8)} times real time  ${heard} hear a frame`,
      )
    }
  }
  console.log(`full nodes: an hour on LONG_FAST, one publication a minute, storage in memory`)
  for (const nodes of SIZES) await fullNodes(nodes)
}

function airAlone(nodes: number, layout: 'in range' | 'spread out', seed: number): AirRun {
  const kernel = createKernel({ seed })
  const places = kernel.random('places')
  const sideM = layout === 'in range' ? 500 : REACH_M * Math.sqrt((Math.PI * nodes) / NEIGHBOURS)
  const air = createLoraAir({
    kernel,
    spec: {
      name: 'bench',
      line: 1,
      column: 1,
      type: 'lora',
      preset: 'LONG_FAST',
      ...LORA_PRESETS.LONG_FAST,
      frequencyHz: 869_525_000,
      region: 'EU868-P',
      powerDbm: 14,
      profile: 'physical',
      loss: 0,
      fading: null,
      propagation: {
        model: 'log-distance',
        exponent: 3.5,
        sigmaDb: 0,
        referenceM: 1_000,
        lossAtReferenceDb: 128.95,
        environment: 'suburban',
      },
    },
    nodes: Array.from({ length: nodes }, (_, node) => ({
      node,
      name: `n${node}`,
      at: { xM: places.float() * sideM, yM: places.float() * sideM },
      move: [],
      antenna: { gainDb: 0, heightM: 1 },
    })),
  })
  const meanGapUs = air.airtimeUs(FRAME_BYTES) * (1 / DUTY - 1)
  for (let node = 0; node < nodes; node++) {
    const radio = air.attach(node)
    const random = kernel.random(`gaps/${node}`)
    const frame = new Uint8Array(FRAME_BYTES)
    radio.onFrame(() => {})
    const next = (): void => {
      const gapUs = Math.round(-Math.log(1 - random.float()) * meanGapUs)
      kernel.schedule(gapUs, 'bench/send', node, () => radio.send(frame, 'operation', next))
    }
    next()
  }
  kernel.run({ maxEvents: EVENTS / 10 })
  const fromUs = kernel.nowUs
  const startedAt = performance.now()
  kernel.run({ maxEvents: EVENTS })
  const seconds = (performance.now() - startedAt) / 1_000
  const { frames, receptions } = air.account()
  return {
    eventsPerS: EVENTS / seconds,
    timesRealTime: (kernel.nowUs - fromUs) / 1_000_000 / seconds,
    receptionsPerFrame: receptions / frames,
  }
}

/** Each size in a process of its own, so that memory can be told apart. */
function fullNodes(nodes: number): Promise<void> {
  const child = fork(fileURLToPath(new URL('./radio-world.ts', import.meta.url)), [`${nodes}`])
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a world of ${nodes} nodes failed`))))
  })
}
