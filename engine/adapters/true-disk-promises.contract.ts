/**
 * What a killed process had promised, and whether its database keeps it. The promises are the lines that it printed;
 * the database is looked at twice: as rows, and as an app sees it, through a node that is started on it.
 */

import { readFileSync } from 'node:fs'
import type { OperationId, SigningKey, Topic } from '../core/index.js'
import { NodeBuilder } from '../node/index.js'
import { storedHeader } from '../pipeline/index.js'
import { openStore, type Store } from '../store/index.js'
import { openBetterSqlite } from './better-sqlite.js'
import { nodeDefaults } from './defaults.js'
import { inProcessTransport } from './in-process.js'
import { LEDGER, LEDGER_TABLE, TOPICS, type TopicName } from './true-disk-child.contract.js'

/** Everything that was printed by the lives of one database, and everything that was ever seen in it. */
export interface Promises {
  /** What was published, prune points too, numbered as it was printed. */
  readonly published: Record<TopicName, Map<OperationId, number>>
  /** Highest sequence number whose acknowledgement was reported durable; -1 for none. */
  readonly acked: Record<TopicName, number>
  /** Highest sequence number that was about to be acknowledged. */
  readonly reading: Record<TopicName, number>
  /** Sequence numbers that the app's own table must hold. */
  readonly entered: Set<number>
  /** Ids by sequence number, of every look at the database: no number may ever have two. */
  readonly seen: Record<TopicName, Map<number, OperationId>>
  /** Stored and never reported: killed between the commit and the line. */
  readonly unreported: Set<OperationId>
  printed: number
  kills: number
}

export function noPromises(): Promises {
  return {
    published: { a: new Map(), b: new Map() },
    acked: { a: -1, b: -1 },
    reading: { a: -1, b: -1 },
    entered: new Set(),
    seen: { a: new Map(), b: new Map() },
    unreported: new Set(),
    printed: 0,
    kills: 0,
  }
}

/** Adds what one life printed. A last line without its end was not printed. */
export function readPromises(promises: Promises, outputPath: string): void {
  const lines = readFileSync(outputPath, 'utf8').split('\n').slice(0, -1)
  promises.kills += 1
  for (const line of lines) {
    const [word, ...rest] = line.split(' ')
    if (word === 'entered') promises.entered.add(Number(rest[0]))
    if (word === 'entered') continue
    const topic = rest[0] as TopicName
    const what = rest[1]!
    if (word === 'published') promises.published[topic].set(what as OperationId, promises.printed++)
    if (word === 'acked') promises.acked[topic] = Math.max(promises.acked[topic], Number(what))
    if (word === 'reading') promises.reading[topic] = Math.max(promises.reading[topic], Number(what))
  }
}

/** Opens a database that its process was killed over and gives every promise that it does not keep. */
export async function brokenPromises(
  path: string,
  promises: Promises,
  of: { readonly author: SigningKey; readonly reader: SigningKey; readonly topics: readonly TopicName[] },
): Promise<readonly string[]> {
  const broken: string[] = []
  const rows = new Map<TopicName, LogRows>()
  const store = openStore(openBetterSqlite(path))
  const integrity = store.database.prepare('PRAGMA integrity_check').all<{ integrity_check: string }>()
  if (integrity.length !== 1 || integrity[0]!.integrity_check !== 'ok') {
    broken.push(`integrity check: ${integrity.map(row => row.integrity_check).join('; ')}`)
  }
  for (const name of of.topics) {
    const log = logRows(store, TOPICS[name], of.author, broken)
    rows.set(name, log)
    checkLog(name, log, promises, broken)
  }
  const ledger = ledgerOf(store, broken)
  store.close()

  const readers = of.topics.map(name => ({ topic: TOPICS[name] }))
  const [forLedger, ...others] = await replays(path, of.reader, [{ topic: TOPICS.a, consumer: LEDGER }, ...readers])
  for (const [at, name] of of.topics.entries()) {
    checkReplay(name, rows.get(name)!.owed, others[at]!, promises, broken)
  }
  for (const seqNum of promises.entered) if (!ledger.has(seqNum)) broken.push(`row ${seqNum} of the app is gone`)
  const expected = (rows.get('a')?.owed ?? []).filter(seqNum => !ledger.has(seqNum))
  if (String(forLedger) !== String(expected)) {
    broken.push(`the app's rows and its acknowledgements disagree: ${forLedger} came again, expected ${expected}`)
  }
  return broken
}

interface LogRows {
  readonly ids: readonly OperationId[]
  /** Sequence number of the first id; the others follow without a gap. */
  readonly first: number
  readonly firstPrunes: boolean
  /** Sequence numbers of what an app is to read, ascending. */
  readonly owed: readonly number[]
}

const EMPTY: LogRows = { ids: [], first: 0, firstPrunes: false, owed: [] }
const ALL = 1_000_000

/** Each stored operation hashes to its id, follows the one before it, and the tip of its log is the last of them. */
function logRows(store: Store, topic: Topic, author: SigningKey, broken: string[]): LogRows {
  const row = store.logs.findTopic(topic)
  const log = row && store.logs.findLog(row, author.verifyingKey)
  if (!row || !log) return EMPTY
  const stored = store.operations.range(log.log, null, ALL, ALL)
  const owed: number[] = []
  let backlink: OperationId | null = null
  let place = 0
  for (const [at, operation] of stored.entries()) {
    const header = storedHeader(operation.header, operation.id)
    const where = `operation ${operation.seqNum} of ${topic.slice(0, 2)}`
    if (at > 0 && (header.backlink !== backlink || header.seqNum !== stored[at - 1]!.seqNum + 1)) {
      broken.push(`${where} does not follow the one before it`)
    }
    if (operation.place === null || operation.place <= place) broken.push(`${where} is out of order`)
    if (header.payloadHash !== null && operation.body === null) broken.push(`${where} has lost its body`)
    place = operation.place ?? place
    backlink = operation.id
    if (operation.body !== null) owed.push(operation.seqNum)
  }
  if (log.tip?.id !== stored.at(-1)?.id) broken.push(`the tip of ${topic.slice(0, 2)} is not its last operation`)
  if (place > store.operations.lastPlace(row)) broken.push(`the last place of ${topic.slice(0, 2)} lags behind`)
  const [first] = stored
  const extensions = first && storedHeader(first.header, first.id).extensions
  return {
    ids: stored.map(operation => operation.id),
    first: first?.seqNum ?? 0,
    firstPrunes: extensions?.variant === 'basic' && extensions.prune,
    owed,
  }
}

function checkLog(name: TopicName, log: LogRows, promises: Promises, broken: string[]): void {
  const seen = promises.seen[name]
  const published = promises.published[name]
  for (const [at, id] of log.ids.entries()) {
    const seqNum = log.first + at
    const before = seen.get(seqNum)
    if (before !== undefined && before !== id) broken.push(`${name} was forked at ${seqNum}`)
    seen.set(seqNum, id)
    if (published.has(id)) continue
    promises.unreported.add(id)
    // It is the last that its life did, so it takes the next number in the order of printing.
    published.set(id, promises.printed++)
  }
  if (log.first > 0 && !log.firstPrunes) broken.push(`${name} begins at ${log.first}, which is no prune point`)
  const here = new Set(log.ids)
  const prunedBefore = log.firstPrunes ? published.get(log.ids[0]!)! : 0
  for (const [id, number] of published) {
    if (!here.has(id) && number >= prunedBefore) broken.push(`operation ${id} of ${name} is gone`)
  }
}

function ledgerOf(store: Store, broken: string[]): ReadonlySet<number> {
  const table = store.database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ?').get(LEDGER_TABLE)
  if (!table) return new Set()
  const rows = store.database.prepare(`SELECT seq FROM ${LEDGER_TABLE}`).all<{ seq: number }>()
  const seqNums = new Set(rows.map(row => row.seq))
  if (seqNums.size !== rows.length) broken.push('the app entered an operation twice')
  return seqNums
}

/** Nothing that was acknowledged comes again, everything else does, in order. */
function checkReplay(
  name: TopicName,
  owed: readonly number[],
  replayed: readonly number[],
  promises: Promises,
  broken: string[],
): void {
  const acked = promises.acked[name]
  const atMost = Math.max(acked, promises.reading[name])
  const again = replayed.filter(seqNum => seqNum <= acked)
  if (again.length > 0) broken.push(`${name}: ${again} came again although acknowledged up to ${acked}`)
  // Between the two the process was killed: acknowledged or not, but from some operation on all of it comes.
  const expected = owed.filter(seqNum => seqNum >= (replayed[0] ?? Number.POSITIVE_INFINITY))
  if (String(replayed) !== String(expected)) broken.push(`${name}: replayed ${replayed}, expected ${expected}`)
  const lost = owed.filter(seqNum => seqNum > atMost && !replayed.includes(seqNum))
  if (lost.length > 0) broken.push(`${name}: ${lost} were never acknowledged and do not come again`)
}

/** Sequence numbers that new streams replay. The node publishes marks of its own to know where each replay ends. */
async function replays(
  path: string,
  key: SigningKey,
  readers: readonly { readonly topic: Topic; readonly consumer?: string }[],
): Promise<readonly (readonly number[])[]> {
  const node = await new NodeBuilder(nodeDefaults())
    .database(path)
    .signingKey(key)
    .transport(inProcessTransport({ discover: false }))
    .spawn()
  const marks = new Set<OperationId>()
  const all: number[][] = []
  for (const { topic, ...options } of readers) {
    const [tx, rx] = await node.stream<string>(topic, { ...options, ackPolicy: 'explicit' })
    const { id } = await tx.publish('mark')
    marks.add(id)
    const seqNums: number[] = []
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      const { operation } = event
      if (operation.id === id) break
      if (!marks.has(operation.id)) seqNums.push(operation.header.seqNum)
    }
    all.push(seqNums)
  }
  await node.close()
  return all
}
