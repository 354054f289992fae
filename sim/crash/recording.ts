/**
 * One run of a scenario without a cut, watched step by step. Right before a storage step of a node happens, all that a
 * cut at this moment could leave is taken along: what survives of its disk under each damage seed, the other nodes'
 * disks, and what everybody had been told by then. So the run up to the cut is made once for all points and seeds.
 */

import { invariant } from '../../engine/core/index.js'
import type { Crypto } from '../../engine/ports.js'
import type { DrawnScenario } from '../../scenarios/index.js'
import { createDisk, type Disk, type DiskImage, type Sqlite } from '../disk/index.js'
import { createKernel, type SimRandom } from '../kernel/index.js'
import { World } from '../world/index.js'
import { crashStorage, migratedImage } from './storage.js'
import type { Captured, CrashPoint, Journal, NodeState, Told } from './types.js'

export interface RecordingOptions {
  readonly sqlite: Sqlite
  readonly scenario: DrawnScenario
  readonly seed: number
  readonly crypto: Crypto
  readonly journal: Journal
  readonly synchronous: 'full' | 'off'
  /** Damage seeds for each point. */
  readonly damage: number
  /** Whether a step is taken along; `index` counts the steps of all nodes in the order of time, from 0. */
  readonly wants: (index: number) => boolean
  /** Peers that a cut node meets again; none when nothing will be booted. */
  readonly peersOf: (node: string, index: number) => readonly string[]
  /** Called soon after each capture, when no database is in use. */
  readonly onCaptured: (captured: Captured, world: World) => void
}

/** Events between two looks at what was captured: some megabytes of images at most. */
const EVENTS_PER_SLICE = 16

/** Runs to the end; returns the world, whose disks are still to be discarded, and how many steps there were. */
export function record(options: RecordingOptions): { readonly world: World; readonly steps: number } {
  const { sqlite, scenario, seed, journal, synchronous } = options
  const disks = new Map<string, Disk>()
  const migrated = migratedImage({ sqlite, journal, synchronous, random: createKernel({ seed }).random('migrated') })
  const captured: Captured[] = []
  const told: Told[][] = []
  let steps = 0
  const world: World = new World({
    scenario,
    seed,
    crypto: options.crypto,
    trace: null,
    openStorage({ name }, kernel) {
      // All nodes migrate by the same steps: one of them does so here, the others have done so before.
      const disk = createDisk(name === scenario.nodes[0]?.name ? {} : { image: migrated })
      disks.set(name, disk)
      disk.watch(kind => {
        const index = steps++
        if (!options.wants(index)) return
        const step = disk.counts.steps + 1
        const point = { journal, node: name, step, kind, atMs: kernel.nowUs / 1_000 }
        captured.push(capture(point, index))
      })
      return crashStorage(disk, { sqlite, journal, synchronous, random: kernel.random(`sqlite/${name}`) })
    },
  })
  const images = imageCache(disks)

  function capture(point: CrashPoint, index: number): Captured {
    const disk = disks.get(point.node)!
    return {
      point,
      node: stateOf(point.node),
      survivors: Array.from({ length: options.damage }, (_, nth) => disk.survivors(damageOf(seed, point, nth + 1))),
      peers: options.peersOf(point.node, index).map(name => ({ state: stateOf(name), image: images(name) })),
      published: world.ledger.size,
    }
  }

  function stateOf(name: string): NodeState {
    const node = world.nodes.find(one => one.name === name)
    invariant(node, 'a disk belongs to a node of its name')
    return {
      name,
      topics: new Set(node.topics),
      ackPolicy: node.ackPolicy,
      consumer: node.consumer,
      told: told[node.index]!.slice(),
    }
  }

  for (const node of world.nodes) told.push(listen(node.checks))
  let isOver = false
  while (!isOver) {
    isOver = world.run({ maxEvents: EVENTS_PER_SLICE })
    for (const one of captured.splice(0)) options.onCaptured(one, world)
  }
  const [caught] = world.kernel.guardErrors
  if (caught) throw caught
  return { world, steps }
}

/** What the app of a node is told goes by its checks; it is written down on the way. */
function listen(checks: World['nodes'][number]['checks']): Told[] {
  const told: Told[] = []
  const deliver = checks.deliver.bind(checks)
  const acknowledge = checks.acknowledge.bind(checks)
  checks.deliver = delivery => {
    told.push({ type: 'delivered', consumer: delivery.consumer, id: delivery.id })
    deliver(delivery)
  }
  checks.acknowledge = (consumer, id) => {
    told.push({ type: 'acknowledged', consumer, id })
    acknowledge(consumer, id)
  }
  return told
}

/** A disk that has not changed since gives the same image again. */
function imageCache(disks: ReadonlyMap<string, Disk>): (name: string) => DiskImage {
  const known = new Map<string, { readonly steps: number; readonly image: DiskImage }>()
  return name => {
    const disk = disks.get(name)!
    const { steps } = disk.counts
    const before = known.get(name)
    if (before?.steps === steps) return before.image
    const image = disk.image()
    known.set(name, { steps, image })
    return image
  }
}

/** The chance that decides what is left after one cut; a point and a number always give the same damage. */
export function damageOf(seed: number, { journal, node, step }: CrashPoint, damage: number): SimRandom {
  return createKernel({ seed }).random(`damage/${journal}/${node}/${step}/${damage}`)
}
