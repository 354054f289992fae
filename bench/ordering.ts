/**
 * What does causal order cost? Operations of 100 authors go through the pipeline in batches of 256, in memory and on a
 * file with `synchronous=FULL`: naming nothing; each naming the one before it, of another author, in order and
 * backwards in windows of 4,096; and as a wide graph. Signatures count as good without a look, so that ordering and
 * storage are what is measured. What that adds to ingest with verification is measured beside it.
 *
 * Then what a reader gets: replay of all of it through the public API, and acknowledgements.
 *
 * Rates are by the clock on the wall; beside them stands the processor's time for each operation, which a busy machine
 * changes less, and ratios are of that.
 *
 * A number on the command line sets how many operations: `npx tsx bench/ordering.ts 20000`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import seedrandom from 'seedrandom'
import {
  inProcessTransport,
  nativeCrypto,
  nodeDefaults,
  openBetterSqlite,
  systemClock,
} from '../engine/adapters/index.js'
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
const BATCHES_AT_ONCE = 4
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
    await compare(`${where}, not verified`, loads, (load, name) =>
      ingest(credulous, load, where === 'memory' ? ':memory:' : join(folder, `${name}.db`)),
    )
  }
  console.log(`  ${memory()} after that`)
}

async function verified(folder: string, count: number): Promise<void> {
  const crypto = nativeCrypto()
  const chain = forge(crypto, count, theOneBefore)
  const loads = [
    ['naming nothing', forge(crypto, count, nothing)],
    ['in order', chain],
    ['backwards in windows', backwards(chain)],
  ] as const
  for (const [where, by] of [
    ['worker threads', crypto],
    ['one thread', native],
  ] as const) {
    await compare(`file, verified by ${where}`, loads, load => ingest(by, load, join(folder, 'verified.db')))
  }
  await crypto.close()
}

interface Figure {
  readonly perSecond: number
  readonly cpuUs: number
}

/** Several rounds of all loads by turns, the medians of each, and how the time of each compares to that of the first. */
async function compare(
  title: string,
  loads: readonly (readonly [string, readonly RawOperation[]])[],
  measure: (load: readonly RawOperation[], name: string) => Promise<Figure>,
): Promise<void> {
  const figures = loads.map((): Figure[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, [name, load]] of loads.entries()) figures[at]!.push(await measure(load, name))
  }
  const cpuUs = figures.map(rounds => median(rounds.map(figure => figure.cpuUs)))
  for (const [at, [name]] of loads.entries()) {
    const note = `${cpuUs[at]!.toFixed(1)} us, ${(cpuUs[at]! / cpuUs[0]!).toFixed(2)} times ${loads[0]![0]}`
    print(`${title}: ${name}`, median(figures[at]!.map(figure => figure.perSecond)), note)
  }
}

/** Reads everything that was never acknowledged, then acknowledges: one after the other, then together. */
async function readBack(folder: string, count: number): Promise<void> {
  for (const [name, names] of [
    ['naming nothing', nothing],
    ['in order', theOneBefore],
  ] as const) {
    const path = join(folder, `replay ${name}.db`)
    await ingest(credulous, forge(credulous, count, names), path, true)
    const node = await new NodeBuilder(nodeDefaults())
      .database(path)
      .transport(inProcessTransport({ discover: false }))
      .ackPolicy('explicit')
      .spawn()
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

/** Until all of them are released. A file is removed afterwards, unless it is to be kept. */
async function ingest(
  crypto: Crypto,
  operations: readonly RawOperation[],
  path: string,
  isKept = false,
): Promise<Figure> {
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
  const usedBefore = process.cpuUsage()
  const rate = await perSecond(operations.length, async () => {
    const batches: Promise<unknown>[] = []
    for (let at = 0; at < operations.length; at += BATCH) {
      const page = operations.slice(at, at + BATCH)
      batches.push(new Promise(resolve => pipeline.receive(row, null, page, resolve)))
      if (batches.length >= BATCHES_AT_ONCE) await batches.shift()
    }
    await Promise.all(batches)
    while (pipeline.resume());
  })
  const used = process.cpuUsage(usedBefore)
  if (store.operations.lastPlace(row) !== operations.length) throw new Error('not everything was released')
  store.close()
  if (path !== ':memory:' && !isKept) rmSync(path)
  return { perSecond: rate, cpuUs: (used.user + used.system) / operations.length }
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
