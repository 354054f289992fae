/**
 * How long does a newcomer need for 10,000 operations of one log? Two nodes of one process, each on a file with
 * `synchronous=FULL`, over the in-process transport; from the newcomer's first subscription to its last delivery to the
 * app. Beside it: what libsodium alone verifies in the same run.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InProcessHub, inProcessTransport, nativeCrypto } from '../engine/adapters/index.js'
import { forgeHeader, LogId, parseHeader, SigningKey, signedMessage } from '../engine/core/index.js'
import { builder, Topic } from '../index.js'
import { machine, median, perSecond } from './figures.js'

const OPERATIONS = 10_000
const BODY_BYTES = 100
const ROUNDS = 3

export async function benchCatchUp(): Promise<void> {
  console.log(`catch-up: ${OPERATIONS} operations of ${BODY_BYTES}-byte bodies, ${machine()}`)
  const folder = mkdtempSync(join(tmpdir(), 'thicket-bench-'))
  const alone: number[] = []
  const publishing: number[] = []
  const catchUp: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(verifyAlone())
    const hub = new InProcessHub()
    const author = await builder()
      .database(join(folder, `author-${round}.db`))
      .transport(inProcessTransport({ hub }))
      .spawn()
    const newcomer = await builder()
      .database(join(folder, `newcomer-${round}.db`))
      .transport(inProcessTransport({ hub }))
      .spawn()
    const topic = Topic.random()
    const [tx] = await author.stream<Uint8Array>(topic, { codec: 'bytes' })
    const body = new Uint8Array(BODY_BYTES).fill(5)
    publishing.push(
      await perSecond(OPERATIONS, async () => {
        for (let count = 0; count < OPERATIONS; count++) await tx.publish(body)
      }),
    )
    catchUp.push(
      await perSecond(OPERATIONS, async () => {
        const [, rx] = await newcomer.stream<Uint8Array>(topic, { codec: 'bytes' })
        let delivered = 0
        for await (const event of rx) if (event.type === 'processed' && ++delivered === OPERATIONS) break
        await rx.close()
      }),
    )
    await author.close()
    await newcomer.close()
  }
  rmSync(folder, { recursive: true })
  const base = median(alone)
  for (const [name, values] of [
    ['libsodium verifies, one thread', alone],
    ['publish, one durable commit each', publishing],
    ['catch-up, to the last delivery', catchUp],
  ] as const) {
    const middle = median(values)
    console.log(
      `  ${name.padEnd(48)} ${Math.round(middle).toLocaleString('en').padStart(8)}/s  ${(middle / base).toFixed(2)} of libsodium`,
    )
  }
}

function verifyAlone(): number {
  const crypto = nativeCrypto({ workers: 0 })
  const key = SigningKey.fromBytes(new Uint8Array(32).fill(1))
  const header = forgeHeader(crypto, key, {
    payload: new Uint8Array(BODY_BYTES),
    seqNum: 0,
    backlink: null,
    extensions: { variant: 'basic', logId: LogId.fromHex('00'.repeat(32)), timestamp: 1n, prune: false },
  })
  const message = signedMessage(parseHeader(header.bytes))
  const startedAt = performance.now()
  for (let count = 0; count < OPERATIONS; count++) crypto.verify(message)
  return OPERATIONS / ((performance.now() - startedAt) / 1_000)
}
