/**
 * A scenario brought to life: nodes on their storage, links between them, work and faults at their moments, and an
 * account of everything that the report needs. One world is one run; it is driven from outside, slice by slice.
 */

import type { OperationId, Topic } from '../../engine/core/index.js'
import { discoveryProtocolId } from '../../engine/discovery/index.js'
import { gossipProtocolId, overlayProtocolId } from '../../engine/gossip/index.js'
import { type Crypto, DatabaseDead, type TraceFields } from '../../engine/ports.js'
import { protocolId } from '../../engine/sync/index.js'
import type { DrawnScenario, FaultOf, Reference, WorkOf } from '../../scenarios/index.js'
import { DEFAULTS } from '../../scenarios/index.js'
import { Ledger } from '../checks/index.js'
import { NetworkFaults, type PlannedCrash } from '../faults/index.js'
import { createKernel, type Kernel, msToUs, type RecordWindow, type SimClock, WORLD } from '../kernel/index.js'
import { FLOOR_ERROR_RATE, transmitters } from '../radio/index.js'
import { Airs } from './airs.js'
import { combinedTransport } from './combined-transport.js'
import { heightsDisagree, setsDisagree } from './convergence.js'
import { createNetwork, type Network } from './links.js'
import { memoCrypto } from './memo-crypto.js'
import { LOOK_EVERY_MS, OverlayWatch } from './overlay-watch.js'
import { type Floor, type RadioReport, radioReport } from './radio-report.js'
import type { NetworkReport } from './report.js'
import {
  ANY_DRAW,
  beginNetworkFault,
  churnsOf,
  firstTopicsOf,
  isGoneForGood,
  lastChangeMs,
  lastPublicationMs,
  momentsOf,
  NETWORK_ID,
  type NetworkFault,
  signingKeysOf,
  topicsOf,
} from './script.js'
import { SimNode } from './sim-node.js'
import type { StableStorage } from './stable-storage.js'
import type { TraceFile } from './trace.js'

export interface WorldOptions {
  readonly scenario: DrawnScenario
  readonly seed: number
  readonly crypto: Crypto
  /** Storage of one node; disks by default, memory where the scenario says so. */
  readonly openStorage: (
    node: { readonly name: string; readonly storage: DrawnScenario['storage'] },
    kernel: Kernel,
  ) => StableStorage
  readonly trace: TraceFile | null
  readonly window?: RecordWindow
  /** Runs once in virtual time at this moment; what a test plants to see whether it is found. */
  readonly plant?: { readonly atMs: number; readonly run: (world: World) => void }
}

interface Entry {
  readonly node: SimNode
  readonly storage: StableStorage
  clock: SimClock
}

export class World {
  readonly kernel: Kernel
  readonly ledger = new Ledger()
  readonly nodes: readonly SimNode[]
  readonly topics: ReadonlyMap<string, Topic>
  readonly endUs: number
  /** When the last publication, change of subscription or fault of the scenario is over; a crash at a write may be late. */
  calmUs: number
  /** Since when all subscribers have stood at the same heights, after the calm. */
  convergedAtUs: number | null = null
  skippedPublications = 0
  /** Ephemeral messages sent, and how often one reached an app. */
  readonly ephemeral = { published: 0, received: 0 }
  readonly deliveryUs: number[] = []
  /** Null where neither the network nor an expectation asks for it. */
  readonly overlay: OverlayWatch | null
  /** When the last fault or change of subscription of the scenario is over. */
  settledUs: number
  readonly #scenario: DrawnScenario
  /** For tests that change bytes on their way. */
  readonly network: Network
  readonly airs: Airs
  readonly #faults: NetworkFaults
  readonly #entries: readonly Entry[]
  readonly #byName: ReadonlyMap<string, SimNode>
  readonly #trace: TraceFile | null
  readonly #churns: ReadonlyMap<FaultOf<number>, readonly PlannedCrash[]>
  readonly #firstDeliveries = new Set<string>()
  #isCheckDue = false

  constructor(options: WorldOptions) {
    const { scenario, seed, trace } = options
    this.#scenario = scenario
    this.#trace = trace
    this.kernel = createKernel({
      seed,
      ...(options.window ? { window: options.window } : {}),
      trace: { event: (type, fields) => trace?.write(this.kernel.nowUs, null, type, this.#named(fields)) },
    })
    this.topics = topicsOf(scenario, this.kernel)
    const keys = signingKeysOf(scenario, this.kernel)
    const { reach, ...conditions } = scenario.network
    this.network = createNetwork(this.kernel, {
      nodes: keys.map(key => key.verifyingKey),
      ...(reach === 'all'
        ? {
            reach: {
              names: scenario.nodes.map(({ name }) => name),
              conditions,
              onLaid: (a, b) => this.#faults.laid(a, b),
            },
          }
        : {}),
    })
    this.airs = new Airs(
      this.kernel,
      scenario,
      keys.map(key => key.verifyingKey),
      { event: (type, fields) => trace?.write(this.kernel.nowUs, null, type, this.#named(fields)) },
    )
    this.#faults = new NetworkFaults({
      block: affects => this.airs.block(affects),
      pairs: () => this.network.pairs(),
      setLink: (a, b, state, which) => this.network.setLink(a, b, state, which),
    })
    const crypto = memoCrypto(options.crypto)
    this.#entries = scenario.nodes.map(({ name, storage, clock, bootstrap }, index) => {
      const stable = options.openStorage({ name, storage: storage ?? scenario.storage }, this.kernel)
      const entry: { node: SimNode | null; storage: StableStorage; clock: SimClock } = {
        node: null,
        storage: stable,
        clock: this.kernel.clock(index, { skewUs: msToUs(clock.skewMs), driftPpm: clock.driftPpm }),
      }
      entry.node = new SimNode(
        {
          ledger: this.ledger,
          crypto,
          networkId: NETWORK_ID,
          nowUs: () => this.kernel.nowUs,
          soon: (node, work) => {
            this.kernel.schedule(0, 'app', node, work)
          },
          trace: (node, type, fields) => trace?.write(this.kernel.nowUs, node, type, fields),
          note: (node, what, id) => this.kernel.note(`${what} ${node} ${id}`),
          processed: (node, id) => this.#onProcessed(node, id),
          stored: () => this.#checkConvergenceSoon(),
          heard: () => {
            this.ephemeral.received += 1
          },
        },
        {
          index,
          name,
          signingKey: keys[index]!,
          bootstrap: bootstrap.map(reference => `sim:${reference.name}`),
          random: this.kernel.random(`nodes/${name}`),
          // The clock of a board goes on through its crashes; only the timers of a life end with it.
          get clock() {
            return entry.clock
          },
          openDatabase: of => stable.open(of),
          releaseDatabase: () => stable.kill(),
          openTransport: () => {
            const wireless = this.airs.transports(index)
            const wired = this.network.transport(index)
            return wireless.length === 0 ? wired : combinedTransport([wired, ...wireless])
          },
          openRadios: () => this.airs.attach(index),
          closeTransport: () => {
            this.network.die(index)
            this.airs.detach(index)
            entry.clock.stop()
            const { wallOffsetUs } = entry.clock
            entry.clock = this.kernel.clock(index, { skewUs: wallOffsetUs, driftPpm: clock.driftPpm })
          },
        },
      )
      return entry as Entry
    })
    this.nodes = this.#entries.map(entry => entry.node)
    this.#byName = new Map(this.nodes.map(node => [node.name, node]))
    this.endUs = msToUs(scenario.durationMs)
    this.#churns = churnsOf(scenario, this.kernel)
    this.settledUs = Math.min(this.endUs, msToUs(lastChangeMs(scenario, this.#churns)))
    this.calmUs = Math.min(this.endUs, Math.max(this.settledUs, msToUs(lastPublicationMs(scenario))))
    this.overlay = this.#watchOverlay(reach === 'all')
    this.#layLinks()
    this.#listenForEphemeral()
    this.#subscribeInitially()
    // A cut at moment 0 may fall into the first boot, so it is armed before.
    for (const fault of scenario.faults) if (isCut(fault)) this.#scheduleFault(fault)
    for (const node of this.nodes) this.#at(0, node.index, 'boot', () => node.boot())
    for (const [index, work] of scenario.workload.entries()) this.#scheduleWork(work, index)
    for (const fault of scenario.faults) if (!isCut(fault)) this.#scheduleFault(fault)
    const { plant } = options
    if (plant) this.kernel.schedule(msToUs(plant.atMs), 'planted', WORLD, () => plant.run(this))
    this.#calmAt(this.calmUs)
  }

  /** Runs a slice; says whether the end has been reached. A node whose power was cut in the middle is taken away. */
  run(limits: { readonly maxEvents?: number } = {}): boolean {
    for (;;) {
      try {
        return this.kernel.run({ untilUs: this.endUs, ...limits }) !== 'max-events'
      } catch (error) {
        // The cut has scheduled the crash of its node; what unwound here was that node's work and nobody else's.
        if (!(error instanceof DatabaseDead)) throw error
      }
    }
  }

  /** Null when all subscribers that live hold the same. */
  disagreement(): string | null {
    for (const topic of this.topics.values()) {
      const detail = heightsDisagree(this.#expected(), topic) ?? setsDisagree(this.#expected(), topic, this.ledger)
      if (detail) return detail
    }
    return null
  }

  /** Those whose app should have everything of the topic; nodes that the scenario leaves dead are not waited for. */
  subscribers(topic: Topic): readonly SimNode[] {
    return this.#expected().filter(node => node.topics.has(topic))
  }

  radioReport(): RadioReport | null {
    return radioReport(this.airs, this.#floor(), this.airs.airs[0]?.share ?? 1)
  }

  /** The least that could have been sent: each operation once by each of a set that reaches all who want it. */
  #floor(): Floor | null {
    const [air, ...others] = this.airs.airs
    if (!air || others.length > 0 || this.airs.connections.length > 0 || this.airs.isMoving) return null
    const sets = new Map<string, number | null>()
    let bytes = 0
    let airtimeMs = 0
    for (const entry of this.ledger.entries()) {
      const author = this.nodes.find(({ id }) => id === entry.author)
      if (!author || !air.nodes.includes(author.index)) return null
      const key = `${entry.topic} ${author.index}`
      let count = sets.get(key)
      if (count === undefined) {
        const subscribers = this.nodes
          .filter(({ topics }) => [...topics].includes(entry.topic))
          .map(({ index }) => index)
        const isLinked = (from: number, to: number) =>
          air.frameErrorRate(from, to, OPERATION_FLOOR_BYTES) < FLOOR_ERROR_RATE
        const question = { author: author.index, subscribers, nodes: air.nodes, isLinked }
        count = transmitters(question)?.length ?? null
        sets.set(key, count)
      }
      if (count === null) return null
      const size = SIGNATURE_BYTES + entry.bodyBytes + AUTHENTICATION_BYTES
      bytes += size * count
      airtimeMs += (air.airtimeUs(size) / 1_000) * count
    }
    return { bytes, airtimeMs }
  }

  networkReport(): NetworkReport | null {
    if (this.overlay === null || this.#scenario.network.reach === 'links') return null
    const names = new Map([
      [protocolId(NETWORK_ID), 'log-sync'],
      [gossipProtocolId(NETWORK_ID), 'gossip'],
      [overlayProtocolId(NETWORK_ID), 'overlay'],
      [discoveryProtocolId(NETWORK_ID), 'discovery'],
    ])
    const bytes = [...this.network.bytesByProtocol()].map(([id, sum]) => [names.get(id) ?? id, sum] as const)
    return {
      sessionsPerNode: {
        mean: Math.round(this.overlay.meanSessions * 100) / 100,
        max: Math.max(...this.nodes.map(({ sessions }) => sessions.peak)),
      },
      connectedAtMs: this.overlay.connectedAtUs === null ? null : this.overlay.connectedAtUs / 1_000,
      bytesByProtocol: Object.fromEntries(bytes.sort(([a], [b]) => (a < b ? -1 : 1))),
    }
  }

  linkBytes(): number {
    return this.network.totals().bytes
  }

  /** Frees the databases. */
  discard(): void {
    for (const { storage } of this.#entries) storage.discard()
  }

  /** Nodes that the scenario leaves dead are not waited for. */
  #expected(): readonly SimNode[] {
    return this.nodes.filter(node => node.isUp || !isGoneForGood(this.#scenario, node.name))
  }

  #layLinks(): void {
    const { link: ordinary } = DEFAULTS
    for (const link of this.#scenario.links) {
      const conditions = {
        latencyMs: link.latencyMs,
        jitterMs: link.jitterMs,
        bandwidthBps: link.bandwidthBps,
        loss: link.loss,
      }
      const nodes = link.nodes.map(reference => this.#node(reference).index)
      for (const [at, a] of nodes.entries()) {
        for (const b of nodes.slice(at + 1)) this.network.addLink(a, b, conditions, link.oneWay ? ordinary : conditions)
      }
    }
  }

  #subscribeInitially(): void {
    for (const node of this.nodes) {
      for (const name of firstTopicsOf(this.#scenario, node.index)) node.topics.add(this.topics.get(name)!)
    }
  }

  /** Subscribers of a topic listen to what is said in it where the scenario has anything said. */
  #listenForEphemeral(): void {
    const spoken = new Set<Topic>()
    for (const work of this.#scenario.workload) {
      if (work.type === 'ephemeral') spoken.add(this.topics.get(work.topic.name)!)
    }
    if (spoken.size === 0) return
    for (const node of this.nodes) node.listenIn(spoken)
    this.kernel.schedule(this.endUs, 'ephemeral totals', WORLD, () =>
      this.#trace?.write(this.kernel.nowUs, null, 'ephemeral-totals', { ...this.ephemeral }),
    )
  }

  #scheduleWork(work: WorkOf<number>, index: number): void {
    const random = this.kernel.random(`workload/${index}`)
    const nodes = work.node === 'any' ? null : work.node.map(reference => this.#node(reference))
    const each = (run: (node: SimNode) => void) => {
      for (const node of nodes ?? []) this.#at(work.atMs, node.index, `work/${work.type}`, () => run(node))
    }
    switch (work.type) {
      case 'publish':
      case 'prune': {
        const topic = this.topics.get(work.topic.name)!
        const publish = (node: SimNode) =>
          work.type === 'publish'
            ? node.publish(topic, random.bytes(work.size), false)
            : node.publish(topic, null, true)
        for (const atMs of momentsOf(work)) {
          for (const node of nodes ?? [null]) {
            this.#at(atMs, node?.index ?? WORLD, `work/${work.type}`, () => {
              const chosen = node ?? this.#anyNode(topic, random.int(ANY_DRAW))
              if (chosen?.isUp) publish(chosen)
              else this.skippedPublications += 1
            })
          }
        }
        break
      }
      case 'ephemeral': {
        const topic = this.topics.get(work.topic.name)!
        for (const atMs of momentsOf(work)) {
          for (const node of nodes ?? [null]) {
            this.#at(atMs, node?.index ?? WORLD, 'work/ephemeral', () => {
              const chosen = node ?? this.#anyNode(topic, random.int(ANY_DRAW))
              if (chosen?.say(topic, random.bytes(work.size))) this.ephemeral.published += 1
            })
          }
        }
        break
      }
      case 'subscribe':
        each(node => {
          for (const { name } of work.topics) node.subscribe(this.topics.get(name)!)
        })
        break
      case 'unsubscribe':
        each(node => {
          for (const { name } of work.topics) node.unsubscribe(this.topics.get(name)!)
        })
        break
      case 'configure':
        each(node =>
          node.configure({
            ...(work.ack ? { ackPolicy: work.ack } : {}),
            ...(work.consumer ? { consumer: work.consumer } : {}),
          }),
        )
        break
    }
  }

  /** One of those who are up and subscribe; a number is drawn whether or not there is anyone. */
  #anyNode(topic: Topic, draw: number): SimNode | undefined {
    const candidates = this.nodes.filter(node => node.isUp && node.topics.has(topic))
    return candidates[draw % Math.max(1, candidates.length)]
  }

  #scheduleFault(fault: FaultOf<number>): void {
    switch (fault.type) {
      case 'partition':
      case 'isolate':
      case 'one-way':
      case 'link':
      case 'clog':
        this.#scheduleNetworkFault(fault)
        break
      case 'pause':
        for (const node of fault.nodes.map(reference => this.#node(reference))) {
          this.#at(fault.atMs, node.index, 'fault/pause', () => node.pause())
          if (fault.forMs !== null) this.#at(fault.atMs + fault.forMs, node.index, 'fault/resume', () => node.resume())
        }
        break
      case 'clock':
        for (const reference of fault.nodes) {
          const { index } = this.#node(reference)
          this.#at(fault.atMs, index, 'fault/clock', () => this.#entries[index]!.clock.jump(msToUs(fault.jumpMs)))
        }
        break
      case 'move':
        for (const reference of fault.nodes) {
          const { index } = this.#node(reference)
          this.#at(fault.atMs, index, 'fault/move', () => {
            this.#fault('move', reference.name)
            this.airs.place(index, fault.to)
          })
        }
        break
      case 'crash':
        for (const reference of fault.nodes) this.#scheduleCrash(fault, this.#node(reference))
        break
      case 'churn':
        this.#scheduleChurn(fault)
        break
    }
  }

  #scheduleCrash(fault: FaultOf<number> & { readonly type: 'crash' }, node: SimNode): void {
    const { storage } = this.#entries[node.index]!
    const crash = (reason: string) => {
      this.#fault('crash', node.name)
      node.crash(reason)
      if (fault.restartAfterMs !== null) {
        this.#calmAt(this.kernel.nowUs + msToUs(fault.restartAfterMs))
        this.kernel.schedule(msToUs(fault.restartAfterMs), 'boot', node.index, () => node.boot())
      }
    }
    this.#at(fault.atMs, node.index, 'fault/crash', () => {
      if (fault.atWrite === null) crash('killed')
      else {
        // The write is in the middle of somebody's call; the crash itself takes the next turn.
        const { atWrite } = fault
        storage.cutAt(atWrite, () =>
          this.kernel.schedule(0, 'fault/cut', node.index, () => crash(`at write ${atWrite}`)),
        )
      }
    })
  }

  #scheduleChurn(fault: FaultOf<number> & { readonly type: 'churn' }): void {
    for (const { atMs, node: nth } of this.#churns.get(fault) ?? []) {
      const node = this.#node(fault.nodes![nth]!)
      this.#at(atMs, node.index, 'fault/churn', () => {
        // Another fault may hold it; whoever took its power gives it back.
        if (!node.isUp) return
        this.#fault('crash', node.name)
        node.crash('churn')
        this.kernel.schedule(msToUs(fault.downForMs), 'boot', node.index, () => node.boot())
      })
    }
  }

  #watchOverlay(isLarge: boolean): OverlayWatch | null {
    if (!isLarge && !this.#scenario.expect.some(({ type }) => type === 'overlay-connected')) return null
    const watch = new OverlayWatch(() => this.#expected(), [...this.topics.values()])
    const look = (): void => {
      watch.look(this.kernel.nowUs)
      this.kernel.schedule(msToUs(LOOK_EVERY_MS), 'overlay', WORLD, look)
    }
    this.kernel.schedule(msToUs(LOOK_EVERY_MS), 'overlay', WORLD, look)
    return watch
  }

  #scheduleNetworkFault(fault: NetworkFault): void {
    this.#at(fault.atMs, WORLD, `fault/${fault.type}`, () => {
      this.#fault(fault.type, 'begins')
      const end = beginNetworkFault(
        this.#faults,
        fault,
        this.nodes.map(({ name }) => name),
      )
      if (fault.forMs === null) return
      this.kernel.schedule(msToUs(fault.forMs), `fault/${fault.type}-over`, WORLD, () => {
        this.#fault(fault.type, 'ends')
        end()
      })
    })
  }

  #onProcessed(node: SimNode, id: OperationId): void {
    const entry = this.ledger.find(id)
    const pair = `${node.index} ${id}`
    if (!entry || this.#firstDeliveries.has(pair)) return
    this.#firstDeliveries.add(pair)
    this.deliveryUs.push(this.kernel.nowUs - entry.atUs)
  }

  /** Once for all that happened before it in this moment. */
  #checkConvergenceSoon(): void {
    if (this.#isCheckDue || this.kernel.nowUs < this.calmUs) return
    this.#isCheckDue = true
    this.kernel.schedule(0, 'convergence', WORLD, () => {
      this.#isCheckDue = false
      const isEqual = [...this.topics.values()].every(topic => heightsDisagree(this.#expected(), topic) === null)
      if (!isEqual) this.convergedAtUs = null
      else this.convergedAtUs ??= this.kernel.nowUs
    })
  }

  /** The scenario is not calm before this moment. */
  #calmAt(atUs: number): void {
    this.calmUs = Math.max(this.calmUs, Math.min(this.endUs, atUs))
    if (atUs < this.calmUs) return
    this.convergedAtUs = null
    this.kernel.schedule(this.calmUs - this.kernel.nowUs, 'calm', WORLD, () => this.#checkConvergenceSoon())
  }

  /** Fields of the network's events, which knows nodes by index. */
  #named(fields: TraceFields): TraceFields {
    const named = (value: TraceFields[string]) => (typeof value === 'number' ? this.nodes[value]?.name : value) ?? null
    return 'from' in fields && 'to' in fields ? { ...fields, from: named(fields.from), to: named(fields.to) } : fields
  }

  #fault(fault: string, detail: string): void {
    this.#trace?.write(this.kernel.nowUs, null, 'fault', { fault, detail })
    this.kernel.note(`fault ${fault} ${detail}`)
  }

  #at(atMs: number, node: number, kind: string, run: () => void): void {
    this.kernel.schedule(msToUs(atMs), kind, node, run)
  }

  #node({ name }: Reference): SimNode {
    return this.#byName.get(name)!
  }
}

/** What no operation on the air can do without: its signature, and some proof that a member sent it. */
const SIGNATURE_BYTES = 64
const AUTHENTICATION_BYTES = 4
/** A link is judged by a frame of this length, about that of a short operation. */
const OPERATION_FLOOR_BYTES = 128

function isCut(fault: FaultOf<number>): boolean {
  return fault.type === 'crash' && fault.atWrite !== null
}
