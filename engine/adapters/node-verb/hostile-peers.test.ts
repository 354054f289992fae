/**
 * Goal: a live node under attack from all sides goes on serving two honest peers: nothing of theirs is lost, nothing of
 * the others' is stored but what is lawful, memory stays bounded, and what was done to it is counted.
 * Method: three processes of `thicket node` on loopback, attackers in this one. It takes some seconds here;
 * `THICKET_HOSTILE_S=60 npx vitest run engine/adapters/node-verb/hostile-peers.test.ts` prints the figures of a minute.
 */

import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Topic, VerifyingKey } from '../../core/index.js'
import { nodeDefaults } from '../defaults.js'
import { systemRandom } from '../system-random.js'
import { besiege } from './hostile-peers.contract.js'
import { type NodeProcess, NodeProcesses } from './processes.contract.js'

const SECONDS = Number(process.env.THICKET_HOSTILE_S ?? 6)
/** What honest peers say in a second, each. */
const MESSAGES_PER_SECOND = 5
/** Bytes of memory that the node may have at most: it begins with some 120 MiB, and its limits allow no more than this. */
const MEMORY_BYTES = 512 * 1024 * 1024

/** Some seconds, on a machine that has nothing else to do. */
const COMPILE_MS = 240_000

let processes: NodeProcesses
beforeAll(() => {
  processes = new NodeProcesses()
}, COMPILE_MS)
afterEach(() => processes.endAll())
afterAll(() => processes.remove())

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Says something now and then; how long each message took to come out at the node under attack, in milliseconds. */
async function talk(from: NodeProcess, to: NodeProcess): Promise<readonly number[]> {
  const tookMs: number[] = []
  for (let at = 0; at < SECONDS * MESSAGES_PER_SECOND; at++) {
    const text = `${from.name} ${at}`
    const saidAt = performance.now()
    from.say(text)
    await to.hears([text])
    const ms = performance.now() - saidAt
    tookMs.push(ms)
    await sleep(Math.max(0, 1_000 / MESSAGES_PER_SECOND - ms))
  }
  return tookMs
}

function figure(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN)
}

function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!)
}

describe('a node under attack', { timeout: 240_000 + SECONDS * 3_000 }, () => {
  it(`serves its friends for ${SECONDS} seconds of it, in bounded memory`, async () => {
    const topic = Topic.random(systemRandom())
    const node = await processes.startChat('attacked', topic, '--http', '0')
    const friends = await Promise.all(
      ['one', 'two'].map(name => processes.startChat(name, topic, '--bootstrap', node.address)),
    )
    const [, url, tokenFile] = /broker at (\S+), its token in (\S+)/.exec(node.notes) ?? []
    const headers = { authorization: `Bearer ${readFileSync(tokenFile!, 'utf8').trim()}` }
    const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`, { headers })).text()
    const memory: number[] = [figure(await metrics(), 'process_resident_memory_bytes')]

    let isOver = false
    let endSiege: () => void = () => {}
    const siege = besiege(
      {
        id: VerifyingKey.fromHex(node.ready.id),
        address: node.address,
        networkId: nodeDefaults().networkId,
        topic,
      },
      new Promise(resolve => {
        endSiege = resolve
      }),
    )
    const watch = (async () => {
      while (!isOver) {
        memory.push(figure(await metrics(), 'process_resident_memory_bytes'))
        await sleep(500)
      }
    })()
    const tookMs = (await Promise.all(friends.map(friend => talk(friend, node)))).flat().sort((a, b) => a - b)
    endSiege()
    const attacks = await siege
    isOver = true
    await watch

    const texts = friends.flatMap(({ name }) =>
      Array.from({ length: SECONDS * MESSAGES_PER_SECOND }, (_, at) => `${name} ${at}`),
    )
    for (const honest of [node, ...friends]) await honest.hears(texts)
    const after = await metrics()
    const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024)
    console.info(
      JSON.stringify({
        seconds: SECONDS,
        attacks,
        latencyMs: { p50: percentile(tookMs, 0.5), p99: percentile(tookMs, 0.99), max: percentile(tookMs, 1) },
        memoryMib: { before: mib(memory[0]!), max: mib(Math.max(...memory)), after: mib(memory.at(-1)!) },
        counted: [...after.matchAll(/^thicket_(?:failures|transport_violations)_total\{(.*)\} (\d+)$/gm)].map(
          ([, what, count]) => `${what} ${count}`,
        ),
      }),
    )
    // Headers of the attackers that are lawful by themselves are no offence, but none of theirs was to be had.
    expect(figure(after, 'thicket_operations')).toBe(texts.length)
    expect(Math.max(...memory)).toBeLessThan(MEMORY_BYTES)
    for (const code of ['invalid-signature', 'frame-too-large', 'have-too-large', 'unexpected-message']) {
      expect(after).toMatch(new RegExp(`^thicket_failures_total\\{.*code="${code}"\\} [1-9]`, 'm'))
    }
    expect(after).toMatch(/^thicket_transport_violations_total\{code="handshake-(failed|timeout)"\} [1-9]/m)
    expect(await node.end()).toBe(0)
    for (const friend of friends) expect(await friend.end()).toBe(0)
  })
})
