/**
 * The program that `true-disk.test.ts` kills. It loads everything, waits for one line of JSON on standard input, opens
 * its databases and then publishes, prunes and acknowledges as fast as it can, until somebody ends it.
 *
 * Standard output is a file, written synchronously: a line that is there was printed by a process that had been told
 * `done`. What may become durable without being reported any more is announced by a line beforehand (`reading`).
 */

import { writeSync } from 'node:fs'
import { SigningKey, Topic } from '../core/index.js'
import { type Node, NodeBuilder, type StreamPublisher, type StreamSubscription } from '../node/index.js'
import type { AckPolicy } from '../streams/index.js'
import { nodeDefaults } from './defaults.js'
import { InProcessHub, inProcessTransport } from './in-process.js'
import { nativeCrypto } from './native-crypto.js'

export interface Life {
  readonly mode: 'publish' | 'catch-up'
  /** Path of the database; in a catch-up that of the newcomer. */
  readonly database: string
  /** In a catch-up: the database of the node that has everything. */
  readonly source?: string
  /** Counts lives; which topic acknowledges how changes with it. */
  readonly number: number
}

export const TOPICS = { a: topicOf(0xaa), b: topicOf(0xbb) } as const
export type TopicName = keyof typeof TOPICS

export const AUTHOR_KEY = SigningKey.fromBytes(new Uint8Array(32).fill(1))
export const NEWCOMER_KEY = SigningKey.fromBytes(new Uint8Array(32).fill(2))
/** Reads topic a with `process` and writes what it saw into a table of the app. */
export const LEDGER = 'ledger'
export const LEDGER_TABLE = 'app_ledger'

/** The descriptor on which the program tells how far it has come, for whoever chooses the moment to kill it. */
export const MILESTONES = 3
/** Loaded and waiting for its line; its streams are open; some things are done and reported. */
export type Milestone = 'loaded' | 'ready' | 'moving'

/** Publications between two prunes of a topic; coprime to the two topics taking turns. */
const PRUNE_EVERY = 41
/** An explicit reader acknowledges every so many operations: marks are cumulative. */
const ACK_EVERY = 3
const MAX_TEXT = 2_000

function topicOf(byte: number): Topic {
  return Topic.fromBytes(new Uint8Array(32).fill(byte))
}

function say(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`)
}

let furthest: Milestone | null = null

/** Whether that is much or little for a life depends on how busy the machine is; none is killed always before it. */
const MOVING_PUBLISHED = 5

const reported = { published: 0, acked: 0 }

function report(word: keyof typeof reported, topic: TopicName, what: string | number): void {
  say(word, topic, what)
  reported[word] += 1
  if (reported.published >= MOVING_PUBLISHED && reported.acked > 0) reach('moving')
}

function reach(milestone: Milestone): void {
  if (furthest === milestone) return
  furthest = milestone
  writeSync(MILESTONES, `${milestone}\n`)
}

/** What automatic acknowledgement has counted as read and no commit has carried yet, by topic. */
const readOn = new Map<TopicName, number>()

async function read(name: TopicName, rx: StreamSubscription<string>, policy: AckPolicy): Promise<void> {
  const events = rx[Symbol.asyncIterator]()
  let last: number | null = null
  for (let count = 0; ; ) {
    if (policy === 'automatic' && last !== null) say('reading', name, last)
    const { value: event } = await events.next()
    if (policy === 'automatic' && last !== null) readOn.set(name, last)
    last = null
    if (event?.type !== 'processed') continue
    const { operation } = event
    const { seqNum } = operation.header
    last = seqNum
    count += 1
    if (policy === 'automatic' || count % ACK_EVERY !== 0) continue
    say('reading', name, seqNum)
    void operation.ack().then(() => report('acked', name, seqNum))
  }
}

async function keepLedger(rx: StreamSubscription<string>): Promise<void> {
  let done: number | null = null
  await rx.process((tx, operation) => {
    // The callback runs inside its transaction; that the next one runs says that this one has committed.
    if (done !== null) say('entered', done)
    tx.exec(`CREATE TABLE IF NOT EXISTS ${LEDGER_TABLE} (seq INTEGER NOT NULL)`)
    tx.run(`INSERT INTO ${LEDGER_TABLE} (seq) VALUES (?)`, operation.header.seqNum)
    done = operation.header.seqNum
  })
}

async function publish(streams: readonly (readonly [TopicName, StreamPublisher<string>])[]): Promise<never> {
  for (let count = 0; ; count++) {
    const [name, tx] = streams[count % streams.length]!
    const text = `${count}`.padEnd((count * 97) % MAX_TEXT, '.')
    const isPrune = count % PRUNE_EVERY === PRUNE_EVERY - 1
    // Acknowledgements ride in the commit of a publication, so what was read on before it is durable behind it.
    const riding = [...readOn]
    readOn.clear()
    const { id } = await (isPrune ? tx.prune(...(count % 2 === 0 ? [text] : [])) : tx.publish(text))
    report('published', name, id)
    for (const [topic, seqNum] of riding) report('acked', topic, seqNum)
  }
}

async function publishAndAcknowledge(life: Life): Promise<void> {
  const node = await new NodeBuilder(nodeDefaults())
    .database(life.database)
    .signingKey(AUTHOR_KEY)
    .transport(inProcessTransport({ discover: false }))
    .spawn()
  const [explicit, automatic]: readonly TopicName[] = life.number % 2 === 0 ? ['a', 'b'] : ['b', 'a']
  const streams: (readonly [TopicName, StreamPublisher<string>])[] = []
  for (const [name, ackPolicy] of [
    [explicit!, 'explicit'],
    [automatic!, 'automatic'],
  ] as const) {
    const [tx, rx] = await node.stream<string>(TOPICS[name], { ackPolicy })
    streams.push([name, tx])
    void read(name, rx, ackPolicy)
  }
  const [, ledger] = await node.stream<string>(TOPICS.a, { consumer: LEDGER, ackPolicy: 'explicit' })
  void keepLedger(ledger)
  reach('ready')
  await publish(streams)
}

/** Two nodes on two databases; the newcomer takes in what the other one has, and reads and acknowledges it. */
async function catchUp(life: Life): Promise<void> {
  const hub = new InProcessHub()
  // Without worker threads: a life is too short to wait for their start.
  const defaults = { ...nodeDefaults(), crypto: nativeCrypto({ workers: 0 }) }
  const start = (path: string, key: SigningKey): Promise<Node> =>
    new NodeBuilder(defaults).database(path).signingKey(key).transport(inProcessTransport({ hub })).spawn()
  const source = await start(life.source!, AUTHOR_KEY)
  await source.stream(TOPICS.a)
  const newcomer = await start(life.database, NEWCOMER_KEY)
  const [, rx] = await newcomer.stream<string>(TOPICS.a, { ackPolicy: 'explicit' })
  reach('ready')
  let count = 0
  for await (const event of rx) {
    if (event.type !== 'processed') continue
    const { operation } = event
    const { seqNum } = operation.header
    report('published', 'a', operation.id)
    if (++count % ACK_EVERY !== 0) continue
    say('reading', 'a', seqNum)
    void operation.ack().then(() => report('acked', 'a', seqNum))
  }
}

/** Runs only as a program, not where a test imports the constants. */
if (process.argv[2] === 'live') {
  reach('loaded')
  // Whoever started it is gone, and with it everybody who would kill it.
  process.stdin.once('end', () => process.exit(1))
  process.stdin.once('data', line => {
    const life = JSON.parse(line.toString('utf8')) as Life
    void (life.mode === 'publish' ? publishAndAcknowledge(life) : catchUp(life))
  })
}
