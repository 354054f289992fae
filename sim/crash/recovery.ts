/**
 * One crash and its recovery. The surviving image is opened as a restart would open it and judged before the engine
 * touches it; then the node boots on it in a small world of its own, on good links, with the peers it had, as they stood
 * at the moment of the cut. It publishes at once, before it has heard anybody: were its last operation lost, it would
 * now sign a second one for the same place, and the peers would report the fork. In the end all must hold the same, and
 * whatever was not acknowledged must have been delivered.
 */

import { bytesToHex, isThicketError, LogId, type OperationId } from '../../engine/core/index.js'
import type { Crypto, Database } from '../../engine/ports.js'
import type { DrawnScenario } from '../../scenarios/index.js'
import { createDisk, type DiskImage, type Sqlite } from '../disk/index.js'
import { createKernel, msToUs } from '../kernel/index.js'
import { World } from '../world/index.js'
import { inspectDatabase } from './invariants.js'
import { type Accounting, checkPromises, type Promises } from './promises.js'
import { crashStorage, openForCrash, type StorageOptions } from './storage.js'
import type { Captured, Finding, NodeState } from './types.js'

export interface RecoveryOptions {
  readonly sqlite: Sqlite
  readonly crypto: Crypto
  readonly scenario: DrawnScenario
  readonly seed: number
  readonly synchronous: 'full' | 'off'
  readonly captured: Captured
  /** Number of the damage, from 1. */
  readonly damage: number
  /** Whether the peers boot as well; a node that boots alone shows that it starts, replays and publishes. */
  readonly meetsPeers: boolean
  /** The run that was cut. */
  readonly base: World
}

/** Opens what is left and judges it; boots nothing. */
export function checkSurvivor(options: RecoveryOptions): readonly Finding[] {
  const { captured, seed, damage } = options
  const disk = createDisk({ image: captured.survivors[damage - 1]! })
  const clock = { wallUs: () => BigInt(Math.round(captured.point.atMs * 1_000)) }
  try {
    const random = createKernel({ seed }).random(`recovery/${damage}`)
    const database = openForCrash(disk, storageOptions(options, random), clock)
    const { findings } = judge(database, promisesOf(options))
    database.close()
    return findings
  } catch (error) {
    disk.kill()
    return [unusable(error)]
  }
}

/** Opens what is left, judges it, and boots the node and its peers on it until they agree. */
export function recover(options: RecoveryOptions): readonly Finding[] {
  const { scenario, seed, base } = options
  const captured = options.meetsPeers ? options.captured : { ...options.captured, peers: [] }
  const images = new Map<string, DiskImage>(captured.peers.map(({ state, image }) => [state.name, image]))
  images.set(captured.node.name, captured.survivors[options.damage - 1]!)
  const promises = promisesOf(options)
  let judged: Accounting | null = null
  const world: World = new World({
    scenario: reunion(scenario, captured, base),
    seed,
    crypto: options.crypto,
    trace: null,
    openStorage({ name }, kernel) {
      const disk = createDisk({ image: images.get(name)! })
      const random = kernel.random(`recovery/${name}/${options.damage}`)
      const storage = storageOptions(options, random)
      if (name !== captured.node.name) return crashStorage(disk, storage)
      return crashStorage(disk, {
        ...storage,
        onOpened(database) {
          judged = judge(database, promises)
          settle(database, world, options)
        },
      })
    },
  })
  try {
    remember(world, captured, base)
    for (const untilMs of LOOKS_MS) {
      world.kernel.run({ untilUs: msToUs(untilMs) })
      if (world.convergedAtUs !== null && world.disagreement() === null) break
    }
    return [...(judged ? (judged as Accounting).findings : []), ...afterwards(world, captured, judged)]
  } catch (error) {
    return [...(judged ? (judged as Accounting).findings : []), unusable(error)]
  } finally {
    world.discard()
  }
}

/** Virtual milliseconds at which the small world is asked whether it agrees; most do at the first. */
const LOOKS_MS = [100, 2_000, 10_000, 60_000]

const GOOD_LINK = { latencyMs: 1, jitterMs: 0, bandwidthBps: Number.POSITIVE_INFINITY, loss: 0 }

/** The node and its peers on good links, with publications of the node in each of its topics. */
function reunion(scenario: DrawnScenario, captured: Captured, base: World): DrawnScenario {
  const states = [captured.node, ...captured.peers.map(({ state }) => state)]
  const nameOf = new Map([...base.topics].map(([name, topic]) => [topic, name]))
  const reference = (name: string) => ({ name, line: 0, column: 0 })
  const topicsOf = (state: NodeState) => [...state.topics].map(topic => reference(nameOf.get(topic)!))
  const at = { line: 0, column: 0 }
  return {
    ...scenario,
    durationMs: LOOKS_MS.at(-1)!,
    storage: 'crash-disk',
    nodes: states.map(state => ({
      ...scenario.nodes.find(({ name }) => name === state.name)!,
      storage: null,
      subscribe: topicsOf(state),
    })),
    links: captured.peers.map(({ state }) => ({
      ...at,
      shape: 'pair' as const,
      nodes: [reference(captured.node.name), reference(state.name)],
      ...GOOD_LINK,
      oneWay: false,
    })),
    workload: topicsOf(captured.node).map(topic => ({
      ...at,
      type: 'publish' as const,
      atMs: 0,
      moment: at,
      node: [reference(captured.node.name)],
      topic,
      // Peers of the same height exchange nothing; with the second one they see what the first one is.
      count: 2,
      everyMs: 0,
      size: 8,
    })),
    faults: [],
    expect: [],
  }
}

/** The new world learns what the old one knew at the moment of the cut. */
function remember(world: World, captured: Captured, base: World): void {
  let index = 0
  for (const entry of base.ledger.entries()) {
    if (index++ >= captured.published) break
    world.ledger.published(entry)
  }
  for (const state of [captured.node, ...captured.peers.map(peer => peer.state)]) {
    const node = world.nodes.find(({ name }) => name === state.name)!
    node.ackPolicy = state.ackPolicy
    node.consumer = state.consumer
    for (const { type, consumer, id } of state.told) if (type === 'acknowledged') node.checks.acknowledge(consumer, id)
  }
}

/** An operation of the interrupted publication is no invention: it may have become durable before it could be told. */
function settle(database: Database, world: World, { captured, base, crypto }: RecoveryOptions): void {
  const author = base.nodes.find(({ name }) => name === captured.node.name)!.id
  for (const operation of inspectDatabase(database).operations) {
    if (operation.header.author !== author || world.ledger.find(operation.id)) continue
    const topic = [...base.topics.values()].find(one => LogId.ofTopic(one) === operation.header.extensions.logId)
    const { extensions } = operation.header
    if (!topic) continue
    world.ledger.attempted({
      author,
      topic,
      bodyHash: operation.body ? bytesToHex(crypto.hash(operation.body)) : null,
      prune: extensions.variant === 'basic' && extensions.prune,
      atUs: 0,
    })
  }
}

function afterwards(world: World, captured: Captured, judged: Accounting | null): Finding[] {
  const findings: Finding[] = world.nodes.flatMap(node =>
    node.checks.violations.map(({ check, detail }) => ({
      check,
      detail: `after the recovery, at ${node.name}: ${detail}`,
    })),
  )
  const disagreement = world.disagreement()
  if (disagreement !== null || world.convergedAtUs === null)
    findings.push({ check: 'not-converged', detail: disagreement ?? 'the nodes never stood at the same heights' })
  const node = world.nodes.find(({ name }) => name === captured.node.name)!
  const has = (id: OperationId) => node.engine?.store.operations.has(id) ?? false
  for (const id of judged?.owed ?? []) {
    if (!node.checks.delivered.has(id) && has(id))
      findings.push({
        check: 'not-delivered',
        detail: `${id.slice(0, 12)} was not acknowledged and did not come again`,
      })
  }
  const [caught] = world.kernel.guardErrors
  if (caught) findings.push({ check: 'escaped', detail: caught.message })
  return findings
}

function judge(database: Database, promises: Promises): Accounting {
  const inspection = inspectDatabase(database)
  const { findings, owed } = checkPromises(database, inspection, promises)
  return { findings: [...inspection.findings, ...findings], owed }
}

function promisesOf({ base, captured }: RecoveryOptions): Promises {
  const author = base.nodes.find(({ name }) => name === captured.node.name)!.id
  return { author, ledger: base.ledger, captured }
}

function storageOptions(options: RecoveryOptions, random: StorageOptions['random']): StorageOptions {
  const { sqlite, captured, synchronous } = options
  return { sqlite, journal: captured.point.journal, synchronous, random }
}

/** A database that cannot be opened or read is what an enumeration looks for; whatever else is thrown is told, too. */
function unusable(error: unknown): Finding {
  const code = isThicketError(error) ? error.code : 'threw'
  return { check: code, detail: error instanceof Error ? error.message : String(error) }
}
