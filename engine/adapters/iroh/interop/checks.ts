/** What must hold between real nodes of p2panda 0.7.1 and ours. */

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { attackAll } from './attack.js'
import { CATCH_UP_MS, GARBAGE_MS, SETTLE_MS, SOON_MS } from './limits.js'
import type { RustNode } from './rust-node.js'
import type { Stage } from './stage.js'
import type { ThicketNode } from './thicket-node.js'
import { expectSame, until } from './waiting.js'

export interface Check {
  readonly name: string
  run(stage: Stage): Promise<void>
}

type AnyNode = RustNode | ThicketNode

export const CHECKS: readonly Check[] = [
  {
    name: 'a Rust node finds us while we only listen; texts both ways, same ids, same content',
    async run(stage) {
      const ours = await stage.thicket()
      const theirs = await stage.rust({ peers: [ours.asPeer()] })
      await exchangeTexts(stage.topic, ours, theirs)
    },
  },
  {
    name: 'we find a Rust node that only listens; texts both ways, same ids, same content',
    async run(stage) {
      const theirs = await stage.rust()
      const ours = await stage.thicket({ bootstrap: [await theirs.address()] })
      await exchangeTexts(stage.topic, ours, theirs)
    },
  },
  {
    name: 'what is said now is heard both ways',
    async run(stage) {
      const ours = await stage.thicket()
      const theirs = await stage.rust({ peers: [ours.asPeer()] })
      const { topic } = stage
      await ours.hear(topic)
      await theirs.ask('hear', { topic })
      const theirsHeard = (): boolean =>
        theirs.events.some(({ event, author }) => event === 'heard' && author === ours.id)
      const oursHeard = (): boolean => ours.heard.some(({ author }) => author === theirs.id)
      await until('both hear each other', async () => {
        if (!theirsHeard()) await ours.say(topic, 'Hello, panda')
        if (!oursHeard()) await theirs.ask('say', { topic, message: 'Hello, thicket' })
        await sleep(200)
        return theirsHeard() && oursHeard()
      })
      expectSame('what we heard', ours.heard[0]!.message, 'Hello, thicket')
      expectSame('what they heard', theirs.events.find(({ event }) => event === 'heard')!.message, 'Hello, panda')
    },
  },
  {
    name: 'structures of Rust (maps, enums, options) decode here, and ours decode there',
    async run(stage) {
      const { topic } = stage
      const theirs = await stage.rust()
      const ours = await stage.thicket({ bootstrap: [await theirs.address()] })
      await ours.open(topic)
      await theirs.ask('open', { topic, kind: 'report' })
      const fromRust = await theirs.publish(topic, REPORT_AS_JSON)
      const seen = await ours.untilDelivered(topic, 1)
      expectSame('what we read', asPlain(seen.get(fromRust)!.message), asPlain(REPORT))
      const mine = await ours.publish(topic, { ...REPORT, title: 'from here', mood: 'Calm', previous: null })
      const there = await theirs.untilDelivered(topic, 2)
      const expected = { ...REPORT_AS_JSON, title: 'from here', mood: 'Calm', previous: null }
      expectSame('what they read', asPlain(there.get(mine)!.message), asPlain(expected))
      expectSame('bodies that did not decode there', theirs.count('decode-failed'), 0)
    },
  },
  {
    name: 'a Rust node dies and comes back in the middle',
    async run(stage) {
      const { topic } = stage
      const database = stage.file('rust.db')
      const seed = randomBytes(32)
      const ours = await stage.thicket()
      const before = await stage.rust({ seed, database, peers: [ours.asPeer()] })
      await openBoth(topic, ours, before)
      await ours.publish(topic, 'one')
      await before.publish(topic, 'two')
      await Promise.all([ours.untilDelivered(topic, 2), before.untilDelivered(topic, 2)])
      await before.kill()
      for (let number = 0; number < 20; number++) await ours.publish(topic, `while it was away ${number}`)
      const after = await stage.rust({ seed, database, peers: [ours.asPeer()] })
      await after.ask('open', { topic, kind: 'text' })
      await after.publish(topic, 'three')
      await ours.untilDelivered(topic, 23)
      await after.untilDelivered(topic, 21)
      await sameLogs(topic, [ours, after])
    },
  },
  {
    name: 'a node of ours ends and comes back in the middle',
    async run(stage) {
      const { topic } = stage
      const database = stage.file('thicket.db')
      const seed = randomBytes(32)
      const theirs = await stage.rust()
      const bootstrap = [await theirs.address()]
      const before = await stage.thicket({ seed, database, bootstrap })
      await openBoth(topic, before, theirs)
      await theirs.publish(topic, 'one')
      await before.publish(topic, 'two')
      await Promise.all([before.untilDelivered(topic, 2), theirs.untilDelivered(topic, 2)])
      await before.stop()
      for (let number = 0; number < 20; number++) await theirs.publish(topic, `while it was away ${number}`)
      const after = await stage.thicket({ seed, database, bootstrap })
      await after.open(topic)
      await after.publish(topic, 'three')
      await theirs.untilDelivered(topic, 23)
      await after.untilDelivered(topic, 21)
      await sameLogs(topic, [after, theirs])
    },
  },
  {
    name: 'three and three: all are found through discovery, and all have the same operations',
    async run(stage) {
      const { topic } = stage
      const hub = await stage.thicket()
      const rust1 = await stage.rust({ peers: [hub.asPeer()] })
      const rust2 = await stage.rust({ peers: [hub.asPeer()] })
      // Of each kind one that has only heard of the other kind.
      const rust3 = await stage.rust({ peers: [hub.asPeer()] })
      const thicket2 = await stage.thicket({ bootstrap: [await rust1.address()] })
      const thicket3 = await stage.thicket({ bootstrap: [await rust2.address()] })
      const rusts = [rust1, rust2, rust3]
      const thickets = [hub, thicket2, thicket3]
      for (const node of thickets) await node.open(topic)
      for (const node of rusts) await node.ask('open', { topic, kind: 'text' })
      for (const [index, node] of [...thickets, ...rusts].entries()) {
        for (let number = 0; number < 5; number++) await node.publish(topic, `${index}: ${number}`)
      }
      const all = [...thickets, ...rusts]
      await Promise.all(all.map(node => node.untilDelivered(topic, 30, CATCH_UP_MS)))
      await sameLogs(topic, all)
      const others = all.filter(({ id }) => id !== rust3.id).map(({ id }) => id)
      await until('the third Rust node knows where all others are', async () => {
        const known = (await rust3.ask('known', { ids: others })) as Record<string, readonly string[]>
        return others.every(id => known[id]!.length > 0)
      })
      await until('our third node knows all others', () => {
        const known = new Set<string>(
          thicket3.node
            .inspect()
            .peers()
            .map(({ nodeId }) => nodeId),
        )
        return known.size > 0 && (thicket3.node.metrics().discovery?.nodes ?? 0) >= all.length - 1
      })
    },
  },
  ...(['of ours', 'of Rust'] as const).map(kind => ({
    name: `whom a node ${kind} has introduced go on without it`,
    async run(stage: Stage) {
      const { topic } = stage
      const isOurs = kind === 'of ours'
      const hub = isOurs ? await stage.thicket() : await stage.rust()
      const [peer, address] = 'ask' in hub ? [await hub.asPeer(), await hub.address()] : [hub.asPeer(), hub.address]
      const theirs = await stage.rust({ peers: [peer] })
      const ours = await stage.thicket({ bootstrap: [address] })
      if ('ask' in hub) await hub.ask('open', { topic, kind: 'text' })
      else await hub.open(topic)
      await openBoth(topic, ours, theirs)
      await hub.publish(topic, 'from the hub')
      await Promise.all([ours, theirs].map(node => node.untilDelivered(topic, 1)))
      await until('they know each other', async () => {
        const known = (await theirs.ask('known', { ids: [ours.id] })) as Record<string, readonly string[]>
        return known[ours.id]!.length > 0 && (ours.node.metrics().discovery?.nodes ?? 0) >= 2
      })
      await hub.stop()
      const ids = [await ours.publish(topic, 'from here'), await theirs.publish(topic, 'from there')]
      await until(
        'both have both',
        () => ids.every(id => ours.delivered(topic).has(id) && theirs.delivered(topic).has(id)),
        CATCH_UP_MS,
      )
    },
  })),
  {
    name: 'causal operations of ours pass through a Rust node and stay in order',
    async run(stage) {
      const { topic } = stage
      const between = await stage.rust()
      const bootstrap = [await between.address()]
      const only = { allow: [between.id as ThicketNode['node']['id']] }
      const first = await stage.thicket({ bootstrap, access: only })
      const second = await stage.thicket({ bootstrap, access: only })
      const reader = await stage.thicket({ bootstrap, access: only })
      await openBoth(topic, first, between)
      await second.open(topic)
      await reader.open(topic)
      const chain: string[] = []
      for (let number = 0; number < 20; number++) {
        const writer = number % 2 === 0 ? first : second
        const id = await writer.publish(topic, number, chain.slice(-1))
        chain.push(id)
        await Promise.all([first, second].map(node => node.untilDelivered(topic, number + 1)))
      }
      await reader.untilDelivered(topic, 20)
      expectSame(
        'the order in which the reader got them',
        reader.deliveries.map(({ id }) => id),
        chain,
      )
    },
  },
  {
    name: 'pruning both ways',
    async run(stage) {
      const { topic } = stage
      const theirs = await stage.rust()
      const ours = await stage.thicket({ bootstrap: [await theirs.address()] })
      await openBoth(topic, ours, theirs)
      for (let number = 0; number < 10; number++) {
        await ours.publish(topic, `ours ${number}`)
        await theirs.publish(topic, `theirs ${number}`)
      }
      await Promise.all([ours.untilDelivered(topic, 20), theirs.untilDelivered(topic, 20)])
      await ours.prune(topic, 'our snapshot')
      await theirs.ask('prune', { topic, message: 'their snapshot' })
      await Promise.all([ours.untilDelivered(topic, 22), theirs.untilDelivered(topic, 22)])
      await until(
        'they hold our log from its snapshot on',
        async () => (await rustLog(theirs, topic, ours.id)).first === 10,
      )
      expectSame('their log here', ours.log(topic, theirs.id), { first: 10, last: 10 })
      expectSame('our log here', ours.log(topic, ours.id), { first: 10, last: 10 })
      const late = await stage.rust({ peers: [ours.asPeer()] })
      await late.ask('open', { topic, kind: 'text' })
      await late.untilDelivered(topic, 2)
      expectSame('our log at a late joiner', await rustLog(late, topic, ours.id), { count: 1, first: 10, last: 10 })
    },
  },
  {
    name: 'a late joiner of ours catches up with 1,000 operations of a Rust node',
    async run(stage) {
      const { topic } = stage
      const theirs = await stage.rust()
      await theirs.ask('open', { topic, kind: 'text' })
      await theirs.ask('publish-many', { topic, count: 1000, prefix: 'theirs ', bytes: 100 })
      const ours = await stage.thicket({ bootstrap: [await theirs.address()] })
      await ours.open(topic)
      await ours.untilDelivered(topic, 1000, CATCH_UP_MS)
      await sameLogs(topic, [ours, theirs])
    },
  },
  {
    name: 'a late joiner of Rust catches up with 1,000 operations of ours, and nothing fails on the way',
    async run(stage) {
      const { topic } = stage
      const ours = await stage.thicket()
      await ours.open(topic)
      for (let number = 0; number < 1000; number++) await ours.publish(topic, `ours ${number}`.padEnd(100))
      const theirs = await stage.rust({ peers: [ours.asPeer()] })
      await theirs.ask('open', { topic, kind: 'text' })
      await theirs.untilDelivered(topic, 1000, CATCH_UP_MS)
      await sameLogs(topic, [ours, theirs])
      expectSame('failures reported there', theirs.count('processing-failed'), 0)
    },
  },
  {
    name: 'bursts of 2,000 in live mode arrive whole on both sides',
    async run(stage) {
      const { topic } = stage
      const theirs = await stage.rust()
      const ours = await stage.thicket({ bootstrap: [await theirs.address()] })
      await openBoth(topic, ours, theirs)
      await ours.publish(topic, 'first')
      await theirs.untilDelivered(topic, 1)
      for (let number = 0; number < 2000; number++) await ours.publish(topic, `ours ${number}`)
      await theirs.untilDelivered(topic, 2001, CATCH_UP_MS)
      await theirs.ask('publish-many', { topic, count: 2000, prefix: 'theirs ', bytes: 20 })
      await ours.untilDelivered(topic, 4001, CATCH_UP_MS)
      await sameLogs(topic, [ours, theirs])
    },
  },
  {
    name: 'headers that a dishonest Rust node files (wrong log, forged prune) change nothing here',
    async run(stage) {
      const { topic } = stage
      const ours = await stage.thicket()
      const honest = await stage.rust({ peers: [ours.asPeer()] })
      await openBoth(topic, ours, honest)
      for (let number = 0; number < 5; number++) await ours.publish(topic, `kept ${number}`)
      await honest.publish(topic, 'honest')
      await Promise.all([ours.untilDelivered(topic, 6), honest.untilDelivered(topic, 6)])
      const accounts = (): { readonly refused: number; readonly failed: number } => {
        const { refused, sync } = ours.node.metrics()
        return { refused, failed: sync.failed }
      }
      for (const fraud of [
        { type: 'wrong-log', named: randomBytes(32).toString('hex') },
        { type: 'forged-prune', victim: ours.id, seq_num: 1000 },
      ]) {
        const before = accounts()
        const liar = await stage.rust({ peers: [ours.asPeer()] })
        await liar.ask('forge', { topic, fraud })
        await liar.ask('open', { topic, kind: 'text' })
        await until(`we have seen the ${fraud.type} and refused it`, () => {
          const { refused, failed } = accounts()
          return refused > before.refused || failed > before.failed
        })
        await sleep(SETTLE_MS)
        await liar.stop()
      }
      expectSame('our log', ours.log(topic, ours.id), { first: 0, last: 4 })
      expectSame('what was delivered', ours.delivered(topic).size, 6)
      const id = await honest.publish(topic, 'still honest')
      await until('we still hear the honest one', () => ours.delivered(topic).has(id))
    },
  },
  {
    name: 'garbage, truncated and oversized frames on every protocol: memory is bounded, a real peer keeps syncing',
    async run(stage) {
      const { topic } = stage
      const ours = await stage.thicket()
      const theirs = await stage.rust({ peers: [ours.asPeer()] })
      await openBoth(topic, ours, theirs)
      await theirs.publish(topic, 'before')
      await ours.untilDelivered(topic, 1)
      const memoryBefore = process.memoryUsage().rss
      const attack = await attackAll(ours, stage.networkId, GARBAGE_MS, async round => {
        await theirs.publish(topic, `meanwhile ${round}`)
        await ours.publish(topic, `of ours ${round}`)
      })
      const count = 1 + 2 * attack.rounds
      await Promise.all([ours.untilDelivered(topic, count), theirs.untilDelivered(topic, count)])
      await sameLogs(topic, [ours, theirs])
      const { sync, gossip, discovery } = ours.node.metrics()
      const coded = {
        sync: sync.failed,
        gossip: gossip.violations,
        discovery: Object.keys(discovery?.failures ?? {}).length,
      }
      for (const [name, errors] of Object.entries(coded)) {
        if (errors === 0) throw new Error(`no coded errors of ${name}`)
      }
      const grownMb = (process.memoryUsage().rss - memoryBefore) / 1e6
      if (attack.rounds < 3 || attack.connections < 30)
        throw new Error(`too little of an attack: ${JSON.stringify(attack)}`)
      if (grownMb > 400) throw new Error(`memory has grown by ${grownMb.toFixed(0)} MB`)
    },
  },
]

async function exchangeTexts(topic: string, ours: ThicketNode, theirs: RustNode): Promise<void> {
  await openBoth(topic, ours, theirs)
  const texts = new Map<string, string>()
  for (let number = 0; number < 5; number++) {
    texts.set(await ours.publish(topic, `from Thicket ${number}`), `from Thicket ${number}`)
    texts.set(await theirs.publish(topic, `from p2panda ${number} 🐼`), `from p2panda ${number} 🐼`)
  }
  const [here, there] = await Promise.all([ours.untilDelivered(topic, 10), theirs.untilDelivered(topic, 10)])
  for (const [id, text] of texts) {
    expectSame(`message ${id} here`, here.get(id)?.message, text)
    expectSame(`message ${id} there`, there.get(id)?.message, text)
    expectSame(`author of ${id}`, there.get(id)?.author, here.get(id)?.author)
    expectSame(`number of ${id}`, there.get(id)?.seq, here.get(id)?.seq)
  }
  // Both are in live mode now.
  const late = [await ours.publish(topic, 'live from here'), await theirs.publish(topic, 'live from there')]
  await until('what is new arrives on both sides', () =>
    late.every(id => ours.delivered(topic).has(id) && theirs.delivered(topic).has(id)),
  )
}

async function openBoth(topic: string, ours: ThicketNode, theirs: RustNode): Promise<void> {
  await ours.open(topic)
  await theirs.ask('open', { topic, kind: 'text' })
}

/** Every log of every author here is as long at all of them. */
async function sameLogs(topic: string, nodes: readonly AnyNode[]): Promise<void> {
  const authors = new Set(nodes.map(({ id }) => id))
  for (const author of authors) {
    const last = async (node: AnyNode): Promise<number | null> =>
      'ask' in node ? (await rustLog(node, topic, author)).last : (node.log(topic, author)?.last ?? null)
    await until(
      `all have the same of ${author.slice(0, 8)}`,
      async () => {
        const lasts = new Set(await Promise.all(nodes.map(last)))
        return lasts.size === 1
      },
      SOON_MS,
    )
  }
}

interface RustLog {
  readonly count: number
  readonly first: number | null
  readonly last: number | null
}

async function rustLog(node: RustNode, topic: string, author: string): Promise<RustLog> {
  return (await node.ask('log', { topic, author })) as RustLog
}

const REPORT = {
  title: 'weather',
  count: 4_294_967_296n,
  balance: -25n,
  note: 'windy 🌬',
  previous: {
    title: 'yesterday',
    count: 0n,
    balance: 0n,
    note: null,
    previous: null,
    mood: { Mixed: [3, 'rain'] },
    tags: {},
    floors: new Map(),
    raw: [],
    place: [0.5, -0.5],
  },
  mood: { Storm: { name: 'Ada', force: 11 } },
  tags: { a: 1, zz: 2, b: 70_000 },
  floors: new Map([
    [1, 'first'],
    [300, 'high'],
  ]),
  raw: [1, 2, 255],
  place: [52.5, 13.25],
}

const REPORT_AS_JSON = {
  ...REPORT,
  count: 4_294_967_296,
  balance: -25,
  previous: { ...REPORT.previous, count: 0, balance: 0, floors: {} },
  floors: { '1': 'first', '300': 'high' },
}

/** What is left when the ways in which JSON, CBOR and JavaScript write the same are taken off. */
function asPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(asPlain)
  if (value === null || typeof value !== 'object') return value
  const entries = value instanceof Map ? [...value.entries()] : Object.entries(value)
  const sorted = entries.map(([key, part]) => [String(key), asPlain(part)] as const)
  return Object.fromEntries(sorted.sort(([a], [b]) => (a < b ? -1 : 1)))
}
