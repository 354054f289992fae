/**
 * What does causal order cost? Operations of 100 authors go through the pipeline in batches of 256, in memory and on a
 * file with `synchronous=FULL`: naming nothing; each naming the one before it, of another author, in order and
 * backwards in windows of 4,096; and as a wide graph. Signatures count as good without a look, so that ordering and
 * storage are what is measured. What that adds to ingest with verification is measured beside it.
 *
 * Then what a reader gets: replay of all of it through the public API, and acknowledgements.
 *
 * A number on the command line sets how many operations: `npx tsx bench/ordering.ts 20000`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import seedrandom from 'seedrandom'
import { nativeCrypto, nodeDefaults, openBetterSqlite, systemClock } from '../engine/adapters/index.js'
import { forgeHeader, LogId, type OperationId, SigningKey, Topic } from '../engine/core/index.js'
import { NodeBuilder } from '../engine/node/index.js'
import { createPipeline, type RawOperation } from '../engine/pipeline/index.js'
import type { Crypto } from '../engine/ports.js'
import { openStore } from '../engine/store/index.js'
import { machine, median, perSecond } from './figures.js'

const OPERATIONS = 100_000
const AUTHORS = 100
const BODY_BYTES = 100
const BATCH = 256
const WINDOW = 4_096
/** Operations of the round before that one of a wide graph names. */
const WIDE_NAMES = 4
const ROUNDS = 3
const VERIFIED_SHARE = 5
const SINGLE_ACKS = 500

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))
const logId = LogId.ofTopic(topic)
const body = new Uint8Array(BODY_BYTES).fill(5)
const keys = Array.from({ length: AUTHORS }, (_, author) => SigningKey.fromBytes(new Uint8Array(32).fill(author + 1)))

const native = nativeCrypto({ workers: 0 })
/** Signs with nothing and believes everything. */
const credulous: Crypto = {
  hash: native.hash,
  verifyingKey: native.verifyingKey,
  sign: () => new Uint8Array(64),
  verify: () => true,
  verifyBatch(messages, done) {
    done(messages.map(() => true))
    return true
  },
}

type Names = (index: number, ids: readonly OperationId[]) => readonly OperationId[]

const nothing: Names = () => []
const theOneBefore: Names = (index, ids) => (index === 0 ? [] : [ids[index - 1]!])
const aWideGraph = (): Names => {
  const random = seedrandom('wide')
  return (index, ids) => {
    const round = index - (index % AUTHORS)
    if (round === 0) return []
    const named = new Set<OperationId>()
    while (named.size < WIDE_NAMES) named.add(ids[round - AUTHORS + Math.floor(random() * AUTHORS)]!)
    return [...named].sort()
  }
}

export async function benchOrdering(operations: number = OPERATIONS): Promise<void> {
  console.log(
    `ordering: ${operations} operations of ${AUTHORS} authors, ${BODY_BYTES}-byte bodies, batches of ${BATCH}, ${machine()}`,
  )
  const folder = mkdtempSync(join(tmpdir(), 'thicket-bench-'))
  await order(folder, operations)
  await verified(folder, Math.ceil(operations / VERIFIED_SHARE))
  await readBack(folder, operations)
  rmSync(folder, { recursive: true })
}

async function order(folder: string, count: number): Promise<void> {
  const basic = forge(credulous, count, nothing)
  const chain = forge(credulous, count, theOneBefore)
  const wide = forge(credulous, count, aWideGraph())
  const loads = [
    ['naming nothing', basic],
    ['in order', chain],
    ['backwards in windows', backwards(chain)],
    ['wide graph', wide],
    ['wide graph, backwards in windows', backwards(wide)],
  ] as const
  for (const where of ['memory', 'file'] as const) {
    const figures = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, load] of loads) {
        const path = where === 'memory' ? ':memory:' : join(folder, `${name}-${round}.db`)
        const rate = await ingest(credulous, load, path)
        figures.set(name, [...(figures.get(name) ?? []), rate])
        if (where === 'file') rmSync(path)
      }
    }
    const base = median(figures.get('naming nothing')!)
    for (const [name, rates] of figures) {
      const rate = median(rates)
      print(`${where}, not verified: ${name}`, rate, `${(base / rate).toFixed(2)} times the time of naming nothing`)
    }
  }
  console.log(`  ${memory()} after that`)
}

async function verified(folder: string, count: number): Promise<void> {
  const crypto = nativeCrypto()
  const loads = [
    ['naming nothing', forge(crypto, count, nothing)],
    ['in order', forge(crypto, count, theOneBefore)],
  ] as const
  for (const [where, by] of [
    ['worker threads', crypto],
    ['one thread', native],
  ] as const) {
    const figures = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, load] of loads) {
        const path = join(folder, `verified-${round}.db`)
        figures.set(name, [...(figures.get(name) ?? []), await ingest(by, load, path)])
        rmSync(path)
      }
    }
    const base = median(figures.get('naming nothing')!)
    for (const [name, rates] of figures) {
      const rate = median(rates)
      print(`file, verified by ${where}: ${name}`, rate, `${(base / rate).toFixed(2)} times the time of naming nothing`)
    }
  }
  await crypto.close()
}

/** Reads everything that was never acknowledged, then acknowledges: one after the other, then together. */
async function readBack(folder: string, count: number): Promise<void> {
  for (const [name, names] of [
    ['naming nothing', nothing],
    ['in order', theOneBefore],
  ] as const) {
    const path = join(folder, `replay ${name}.db`)
    await ingest(credulous, forge(credulous, count, names), path)
    const node = await new NodeBuilder(nodeDefaults()).database(path).mdns('disabled').ackPolicy('explicit').spawn()
    const startedAt = performance.now()
    const [, rx] = await node.stream<Uint8Array>(topic, { codec: 'bytes' })
    const acks: (() => Promise<void>)[] = []
    let operations = 0
    for await (const event of rx) {
      if (event.type === 'replay-ended') break
      if (event.type !== 'processed') continue
      operations += 1
      acks.push(event.operation.ack)
    }
    if (operations !== count) throw new Error(`${operations} operations came again, not ${count}`)
    print(`replay through the public API: ${name}`, (count / (performance.now() - startedAt)) * 1_000, memory())
    if (names === nothing) {
      const alone = acks.slice(0, SINGLE_ACKS)
      print('acknowledgements, each awaited', await perSecond(alone.length, () => oneByOne(alone)), '')
      print('acknowledgements, together', await perSecond(count, () => all(acks)), memory())
    }
    await node.close()
    rmSync(path)
  }
}

async function oneByOne(acks: readonly (() => Promise<void>)[]): Promise<void> {
  for (const ack of acks) await ack()
}

async function all(acks: readonly (() => Promise<void>)[]): Promise<void> {
  await Promise.all(acks.map(ack => ack()))
}

function forge(crypto: Crypto, count: number, names: Names): RawOperation[] {
  const ids: OperationId[] = []
  return Array.from({ length: count }, (_, index) => {
    const timestamp = 1_788_000_000_000_000n + BigInt(index)
    const previous = names(index, ids)
    const header = forgeHeader(crypto, keys[index % AUTHORS]!, {
      payload: body,
      seqNum: Math.floor(index / AUTHORS),
      backlink: ids[index - AUTHORS] ?? null,
      extensions:
        previous.length > 0
          ? { variant: 'causal', logId, timestamp, previous }
          : { variant: 'basic', logId, timestamp, prune: false },
    })
    ids.push(header.id)
    return { header: header.bytes, body }
  })
}

function backwards(operations: readonly RawOperation[]): RawOperation[] {
  const turned: RawOperation[] = []
  for (let at = 0; at < operations.length; at += WINDOW) turned.push(...operations.slice(at, at + WINDOW).reverse())
  return turned
}

/** Operations a second, until all of them are released. */
async function ingest(crypto: Crypto, operations: readonly RawOperation[], path: string): Promise<number> {
  const store = openStore(openBetterSqlite(path))
  const row = store.transact(tx => store.logs.ensureTopic(tx, topic, logId))
  const pipeline = createPipeline<null>({
    store,
    crypto,
    clock: systemClock(),
    signingKey: SigningKey.fromBytes(new Uint8Array(32).fill(255)),
    onCommitted() {},
    onCommitting() {},
  })
  const rate = await perSecond(operations.length, async () => {
    const batches: Promise<unknown>[] = []
    for (let at = 0; at < operations.length; at += BATCH) {
      const page = operations.slice(at, at + BATCH)
      batches.push(new Promise(resolve => pipeline.receive(row, null, page, resolve)))
      if (batches.length >= 4) await batches.shift()
    }
    await Promise.all(batches)
    while (pipeline.resume());
  })
  if (store.operations.lastPlace(row) !== operations.length) throw new Error('not everything was released')
  store.close()
  return rate
}

function print(name: string, rate: number, note: string): void {
  console.log(`  ${name.padEnd(58)} ${Math.round(rate).toLocaleString('en').padStart(9)}/s  ${note}`)
}

function memory(): string {
  const { rss, heapUsed } = process.memoryUsage()
  return `${Math.round(rss / 1e6)} MB of memory, ${Math.round(heapUsed / 1e6)} MB of heap`
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await benchOrdering(Number(process.argv[2] ?? OPERATIONS))
