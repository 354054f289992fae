/**
 * How long does a newcomer need for 100,000 operations over a real network? Two processes on this machine, libp2p TCP on
 * loopback, each on a file with `synchronous=FULL`; every signature is verified, on worker threads, every operation
 * ordered, durable and delivered to an app that acknowledges automatically. One log of all of them, then 100 authors who
 * wrote a hundredth each. The clock runs from the dial to the last delivery; beside it stands what libsodium alone
 * verifies on one thread in the same run.
 *
 * Two numbers on the command line set how many operations and how many rounds: `npx tsx bench/network-catch-up.ts 20000 1`.
 */

import { fork } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
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
import type { CatchUp, PeerTask, PeerTold } from './network-peer.js'

const OPERATIONS = 100_000
const ROUNDS = 3
const BODY_BYTES = 100
const MANY_AUTHORS = 100
const BATCH = 256
/** Operations whose signatures are verified to see how fast the machine is just now. */
const YARDSTICK = 20_000

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))
const logId = LogId.ofTopic(topic)

type Spent = Extract<PeerTold, { type: 'spent' }>

interface Round extends CatchUp {
  readonly libsodiumPerSecond: number
  readonly holder: Spent
  readonly newcomer: Spent
}

export async function benchNetworkCatchUp(operations: number = OPERATIONS, rounds: number = ROUNDS): Promise<void> {
  console.log(
    `network catch-up: ${operations} operations of ${BODY_BYTES}-byte bodies, libp2p on loopback, ${machine()}`,
  )
  const folder = mkdtempSync(join(tmpdir(), 'thicket-bench-'))
  const crypto = nativeCrypto({ workers: 0 })
  try {
    for (const authors of [1, MANY_AUTHORS]) {
      const load = forge(crypto, operations, authors)
      const bytes = load.reduce((sum, { header, body }) => sum + header.length + (body?.length ?? 0), 0)
      const source = join(folder, `holder-${authors}.db`)
      await fill(crypto, load, source)
      const results: Round[] = []
      for (let round = 0; round < rounds; round++) {
        const before = verifyAlone(crypto, load)
        const result = await catchUp(folder, source, operations)
        const after = verifyAlone(crypto, load)
        results.push({ ...result, libsodiumPerSecond: (before + after) / 2 })
      }
      print(authors === 1 ? 'one log' : `${authors} authors`, operations, bytes, results)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Logs that are dealt out to the authors in turn. */
function forge(crypto: Crypto, count: number, authors: number): RawOperation[] {
  const keys = Array.from({ length: authors }, (_, at) => SigningKey.fromBytes(new Uint8Array(32).fill(at + 1)))
  const backlinks: (OperationId | null)[] = keys.map(() => null)
  const body = new Uint8Array(BODY_BYTES).fill(5)
  return Array.from({ length: count }, (_, at) => {
    const author = at % authors
    const header = forgeHeader(crypto, keys[author]!, {
      payload: body,
      seqNum: Math.floor(at / authors),
      backlink: backlinks[author]!,
      extensions: { variant: 'basic', logId, timestamp: 1_788_000_000_000_000n + BigInt(at), prune: false },
    })
    backlinks[author] = header.id
    return { header: header.bytes, body }
  })
}

async function fill(crypto: Crypto, load: readonly RawOperation[], path: string): Promise<void> {
  const store = openStore(openBetterSqlite(path, { synchronous: 'normal' }))
  const row = store.transact(tx => store.logs.ensureTopic(tx, topic, logId))
  const pipeline = createPipeline<null>({
    store,
    crypto,
    clock: systemClock(),
    signingKey: SigningKey.fromBytes(new Uint8Array(32).fill(255)),
    onCommitted() {},
    onCommitting() {},
  })
  for (let at = 0; at < load.length; at += BATCH) {
    await new Promise<void>(resolve => pipeline.receive(row, null, load.slice(at, at + BATCH), () => resolve()))
  }
  pipeline.stop()
  if (store.operations.count() !== load.length) throw new Error('not everything was stored')
  store.close()
}

async function catchUp(folder: string, source: string, operations: number): Promise<Omit<Round, 'libsodiumPerSecond'>> {
  const databases = { holder: join(folder, 'holder.db'), newcomer: join(folder, 'newcomer.db') }
  for (const path of Object.values(databases))
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
  copyFileSync(source, databases.holder)
  const holder = peer({ role: 'holder', database: databases.holder, topic, operations })
  const { address } = await holder.told('listening')
  const newcomer = peer({ role: 'newcomer', database: databases.newcomer, topic, address, operations })
  const figures = await newcomer.told('caught-up')
  return { ...figures, holder: await holder.end(), newcomer: await newcomer.end() }
}

interface Peer {
  told<Type extends PeerTold['type']>(type: Type): Promise<Extract<PeerTold, { type: Type }>>
  end(): Promise<Spent>
}

function peer(task: PeerTask): Peer {
  const child = fork(fileURLToPath(new URL('./network-peer.ts', import.meta.url)), {
    execArgv: ['--import', 'tsx'],
  })
  const told: PeerTold[] = []
  let wake: () => void = () => {}
  let isGone = false
  child.on('message', message => {
    told.push(message as PeerTold)
    wake()
  })
  child.once('exit', () => {
    isGone = true
    wake()
  })
  child.send(task)
  const self: Peer = {
    async told(type) {
      for (;;) {
        const found = told.find(message => message.type === type)
        if (found) return found as never
        if (isGone) throw new Error('a peer ended early')
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    async end() {
      child.send('end')
      return self.told('spent')
    },
  }
  return self
}

function verifyAlone(crypto: Crypto, operations: readonly RawOperation[]): number {
  const messages = operations.slice(0, YARDSTICK).map(({ header }) => signedMessage(parseHeader(header)))
  const startedAt = performance.now()
  for (const message of messages) crypto.verify(message)
  return messages.length / ((performance.now() - startedAt) / 1_000)
}

function print(name: string, operations: number, bytes: number, rounds: readonly Round[]): void {
  const middle = (value: (round: Round) => number) => median(rounds.map(value))
  const perSecond = middle(round => operations / (round.deliveredMs / 1_000))
  const stored = middle(round => operations / (round.storedMs / 1_000))
  const ratio = middle(round => operations / (round.deliveredMs / 1_000) / round.libsodiumPerSecond)
  const say = (what: string, value: string) => console.log(`  ${`${name}: ${what}`.padEnd(44)} ${value}`)
  say('to the last delivery', `${whole(perSecond)}/s, ${((bytes / operations / 1e6) * perSecond).toFixed(2)} MB/s`)
  say('to the last commit', `${whole(stored)}/s`)
  say('of what libsodium verifies on one core', `${ratio.toFixed(2)} (${whole(middle(r => r.libsodiumPerSecond))}/s)`)
  say('to the first operation', `${Math.round(middle(round => round.firstMs))} ms`)
  const last = rounds.at(-1)!
  say('newcomer, MiB at each tenth', last.memoryMiB.join(' '))
  for (const role of ['newcomer', 'holder'] as const) {
    const { cpuMs, shares, peakMiB } = last[role]
    const parts = Object.entries(shares).map(([part, share]) => `${part} ${Math.round(100 * share)} %`)
    say(`${role}, processor`, `${((1_000 * cpuMs) / operations).toFixed(0)} us an operation, peak ${peakMiB} MiB`)
    console.log(`    ${parts.join(', ')}`)
  }
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [operations, rounds] = process.argv.slice(2).map(Number)
  await benchNetworkCatchUp(operations || OPERATIONS, rounds || ROUNDS)
}
