/**
 * What had been promised when the power went, held against the database that came back: a publication that had resolved
 * is there, a delivery was of something durable, a reported acknowledgement stays, and nothing counts as acknowledged
 * that the app never saw. What is missing may only be what its author pruned, and then the prune point is there.
 */

import { LogId, type OperationId, type Topic, type VerifyingKey } from '../../engine/core/index.js'
import type { Database } from '../../engine/ports.js'
import type { Ledger, PublishedEntry } from '../checks/index.js'
import type { Inspection, StoredRow } from './invariants.js'
import type { Captured, Finding } from './types.js'

export interface Promises {
  readonly author: VerifyingKey
  /** Of the whole run, also what came after the cut. */
  readonly ledger: Ledger
  readonly captured: Captured
}

export interface Accounting {
  readonly findings: readonly Finding[]
  /** What a stream that is opened now has to deliver, as it is not acknowledged. */
  readonly owed: readonly OperationId[]
}

export function checkPromises(database: Database, inspection: Inspection, promises: Promises): Accounting {
  const { author, captured } = promises
  const findings: Finding[] = []
  const find = (check: string, id: OperationId, detail: string) =>
    findings.push({ check, detail: `${id.slice(0, 12)} ${detail}` })
  const entries = [...promises.ledger.entries()]
  const byId = new Map(entries.map((entry, index) => [entry.id, { entry, isResolved: index < captured.published }]))
  const stored = new Map(inspection.operations.map(operation => [operation.id, operation]))
  const isPruned = prunedBy(inspection.operations)

  for (const entry of entries.slice(0, captured.published)) {
    if (entry.author === author && !stored.has(entry.id) && !isPruned(entry))
      find('lost-published', entry.id, 'was reported durable')
  }
  for (const operation of inspection.operations) {
    const known = byId.get(operation.id)
    if (known?.isResolved) continue
    // Of the publication that the cut interrupted either all or nothing is there.
    if (operation.header.author !== author) find('invented', operation.id, 'was published by nobody')
  }
  const state = inspection.hasSchema ? readMarks(database) : []
  const seen = new Map<string, Set<OperationId>>()
  for (const { type, consumer, id } of captured.node.told) {
    const entry = byId.get(id)?.entry
    if (!entry) continue
    if (type === 'delivered') {
      setOf(seen, consumer).add(id)
      if (!stored.has(id) && !isPruned(entry)) find('lost-delivered', id, 'was delivered to the app')
    } else if (!isMarked(state, consumerName(entry.topic, consumer), entry)) {
      find('lost-acknowledged', id, `was reported acknowledged for ${consumer}`)
    }
  }

  const owed: OperationId[] = []
  const consumer = captured.node.consumer ?? 'default'
  for (const { id, place, body } of inspection.operations) {
    const entry = byId.get(id)?.entry
    if (!entry || place === null || body === null) continue
    for (const name of new Set([consumer, ...seen.keys()])) {
      const isAcknowledged = isMarked(state, consumerName(entry.topic, name), entry)
      if (isAcknowledged && !seen.get(name)?.has(id)) find('swallowed', id, `counts as acknowledged, unseen by ${name}`)
      if (!isAcknowledged && name === consumer && captured.node.topics.has(entry.topic)) owed.push(id)
    }
  }
  return { findings, owed }
}

/** The author's own newest prune point that is stored here says what may be missing. */
function prunedBy(operations: readonly StoredRow[]): (entry: PublishedEntry) => boolean {
  const points = new Map<string, number>()
  for (const { header } of operations) {
    if (header.extensions.variant === 'basic' && header.extensions.prune)
      points.set(`${header.author}/${header.extensions.logId}`, header.seqNum)
  }
  const logOfTopic = new Map<Topic, string>()
  return entry => {
    let logId = logOfTopic.get(entry.topic)
    if (logId === undefined) {
      logId = LogId.ofTopic(entry.topic)
      logOfTopic.set(entry.topic, logId)
    }
    return entry.seqNum < (points.get(`${entry.author}/${logId}`) ?? 0)
  }
}

/** As the engine names them: the default consumer by the topic alone. */
function consumerName(topic: Topic, consumer: string): string {
  return consumer === 'default' ? topic : `${topic}/${consumer}`
}

interface Mark {
  readonly name: string
  readonly author: string
  readonly seqNum: number
  readonly exceptions: ReadonlySet<number>
}

function readMarks(database: Database): readonly Mark[] {
  const exceptions = new Map<string, Set<number>>()
  for (const row of database
    .prepare('SELECT consumer, log, seq FROM exceptions')
    .all<{ consumer: number; log: number; seq: number }>())
    setOf(exceptions, `${row.consumer}/${row.log}`).add(row.seq)
  return database
    .prepare(
      `SELECT c.name, lower(hex(l.author)) AS author, m.seq, m.consumer, m.log
       FROM marks m JOIN consumers c ON c.consumer = m.consumer JOIN logs l ON l.log = m.log`,
    )
    .all<{ name: string; author: string; seq: number; consumer: number; log: number }>()
    .map(({ name, author, seq, consumer, log }) => ({
      name,
      author,
      seqNum: seq,
      exceptions: exceptions.get(`${consumer}/${log}`) ?? new Set(),
    }))
}

function isMarked(marks: readonly Mark[], name: string, { author, seqNum }: PublishedEntry): boolean {
  const mark = marks.find(one => one.name === name && one.author === author)
  return mark !== undefined && seqNum <= mark.seqNum && !mark.exceptions.has(seqNum)
}

function setOf<Value>(sets: Map<string, Set<Value>>, key: string): Set<Value> {
  const known = sets.get(key) ?? new Set<Value>()
  sets.set(key, known)
  return known
}
