/**
 * How fast are operations verified and made durable? Batches of 1 and of 256, verified on worker threads and in this
 * thread, beside what libsodium alone verifies and SQLite alone stores in the same run.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nativeCrypto, openBetterSqlite, systemClock } from '../engine/adapters/index.js'
import {
  forgeHeader,
  LogId,
  type OperationId,
  parseHeader,
  SigningKey,
  signedMessage,
  Topic,
} from '../engine/core/index.js'
import { createPipeline, type RawOperation } from '../engine/pipeline/index.js'
import type { Crypto } from '../engine/ports.js'
import { openStore } from '../engine/store/index.js'
import { machine, median } from './figures.js'

const OPERATIONS = 20_000
const SINGLES = 2_000
const BODY_BYTES = 100
const ROUNDS = 5

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))
const logId = LogId.ofTopic(topic)

export async function benchIngest(): Promise<void> {
  const workers = nativeCrypto()
  const inThread = nativeCrypto({ workers: 0 })
  const operations = forge(inThread, OPERATIONS)
  console.log(`ingest: ${OPERATIONS} operations of ${BODY_BYTES}-byte bodies, ${machine()}`)
  const figures = new Map<string, number[]>()
  const add = (name: string, perSecond: number) => figures.set(name, [...(figures.get(name) ?? []), perSecond])
  for (let round = 0; round < ROUNDS; round++) {
    add('libsodium verifies, one thread', verifyAlone(inThread, operations))
    add('durable ingest, batches of 256, worker threads', await ingest(workers, operations, 256))
    add('durable ingest, batches of 256, one thread', await ingest(inThread, operations, 256))
    add('durable ingest, batches of 1, one thread', await ingest(inThread, operations.slice(0, SINGLES), 1))
  }
  const base = median(figures.get('libsodium verifies, one thread')!)
  for (const [name, values] of figures) {
    const middle = median(values)
    console.log(
      `  ${name.padEnd(48)} ${Math.round(middle).toLocaleString('en').padStart(8)}/s  ${(middle / base).toFixed(2)} of libsodium`,
    )
  }
  await workers.close()
}

function forge(crypto: Crypto, count: number): RawOperation[] {
  const key = SigningKey.fromBytes(new Uint8Array(32).fill(1))
  const body = new Uint8Array(BODY_BYTES).fill(5)
  let backlink: OperationId | null = null
  return Array.from({ length: count }, (_, seqNum) => {
    const header = forgeHeader(crypto, key, {
      payload: body,
      seqNum,
      backlink,
      extensions: { variant: 'basic', logId, timestamp: 1_788_000_000_000_000n + BigInt(seqNum), prune: false },
    })
    backlink = header.id
    return { header: header.bytes, body }
  })
}

function verifyAlone(crypto: Crypto, operations: readonly RawOperation[]): number {
  const messages = operations.map(({ header }) => signedMessage(parseHeader(header)))
  const startedAt = performance.now()
  for (const message of messages) crypto.verify(message)
  return operations.length / ((performance.now() - startedAt) / 1_000)
}

async function ingest(crypto: Crypto, operations: readonly RawOperation[], batch: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'thicket-bench-'))
  const store = openStore(openBetterSqlite(join(folder, 'node.db')))
  const row = store.transact(tx => store.logs.ensureTopic(tx, topic, logId))
  const pipeline = createPipeline<null>({
    store,
    crypto,
    clock: systemClock(),
    signingKey: SigningKey.fromBytes(new Uint8Array(32).fill(2)),
    onCommitted() {},
    onCommitting() {},
  })
  const startedAt = performance.now()
  await new Promise<void>(resolve => {
    let at = 0
    let outstanding = 0
    const pump = () => {
      for (let more = true; more && at < operations.length; ) {
        outstanding += 1
        const page = operations.slice(at, at + batch)
        at += batch
        more = pipeline.receive(row, null, page, () => {
          outstanding -= 1
          if (outstanding === 0 && at >= operations.length) resolve()
          else if (outstanding < 4) setImmediate(pump)
        })
        if (outstanding >= 8) more = false
      }
    }
    pump()
  })
  const perSecond = operations.length / ((performance.now() - startedAt) / 1_000)
  if (store.operations.count() !== operations.length) throw new Error('not everything was stored')
  store.close()
  rmSync(folder, { recursive: true })
  return perSecond
}
