/**
 * One hash over what a node durably knows: stored operations, acknowledgements and order of release. Row numbers stay
 * out of it, so two stores that hold the same by other ways agree.
 */

import { concatBytes, idBytes } from '../core/index.js'
import type { TopicRow } from './logs.js'
import type { Store } from './store.js'

const PAGE = 1_000

/** Chains hashes, so that a large store is never in memory at once. */
export function stateHash(store: Store, hash: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  let state: Uint8Array = new Uint8Array(32)
  const add = (...parts: readonly Uint8Array[]) => {
    state = hash(concatBytes(state, ...parts))
  }
  for (const topic of store.logs.topics()) {
    add(idBytes(topic.id))
    const logs = store.logs.logsOf(topic)
    const authorOf = new Map(logs.map(log => [log.log, idBytes(log.author)]))
    for (const log of logs) add(idBytes(log.author), text(`${log.tip?.seqNum ?? 'none'}/${log.held}`))
    for (let place = 0; ; ) {
      const page = store.operations.afterPlace(topic, place, PAGE)
      for (const operation of page) add(idBytes(operation.id), text(operation.body === null ? 'gone' : 'body'))
      const last = page.at(-1)
      if (!last || last.place === null) break
      place = last.place
    }
    for (const line of waitingLines(store, topic)) add(text(line))
    for (const consumer of store.consumers.of(topic)) {
      add(text(consumer.name))
      const marks = [...store.consumers.marks(consumer)].map(([log, seq]) => mark(authorOf, log, `mark ${seq}`))
      const exceptions = [...store.consumers.exceptions(consumer)].flatMap(([log, seqs]) =>
        [...seqs].map(seq => mark(authorOf, log, `exception ${seq}`)),
      )
      for (const line of [...marks, ...exceptions].sort((a, b) => (a.key < b.key ? -1 : 1)))
        add(line.author, text(line.note))
    }
  }
  return state
}

/** What waits and for what, sorted by id, since positions differ from node to node. */
function waitingLines(store: Store, topic: TopicRow): readonly string[] {
  return store.ordering
    .waiting(topic, Number.MAX_SAFE_INTEGER)
    .map(
      ({ position }) =>
        `${store.operations.atPosition(position)?.id} waits for ${store.ordering.missing(position).join()}`,
    )
    .sort()
}

function mark(authorOf: ReadonlyMap<number, Uint8Array>, log: number, note: string) {
  const author = authorOf.get(log) ?? new Uint8Array(32)
  return { author, note, key: `${author.join()} ${note}` }
}

const encoder = new TextEncoder()
const text = (value: string) => encoder.encode(value)
