/**
 * Publications that the broker has not acknowledged, in the order in which the app made them. With a storage they
 * survive a reload: each keeps its reference, so sending one again publishes nothing twice.
 */

import { BrokerError } from './errors.js'
import { OUTBOX_CHARACTERS, OUTBOX_ENTRIES, PUBLICATIONS_IN_FLIGHT } from './limits.js'
import type { PublishMessage } from './messages.js'
import type { StorageLike } from './world.js'

export interface Waiting {
  resolve(id: string): void
  reject(error: BrokerError): void
}

export class Outbox {
  readonly #storage: StorageLike | null
  readonly #key: string
  readonly #entries: PublishMessage[]
  /** The entries as they are stored, so that a long queue is not written anew for each that joins it. */
  readonly #texts: string[]
  #characters: number
  readonly #waiting = new Map<string, Waiting>()
  readonly #inFlight = new Set<string>()

  constructor(storage: StorageLike | null, key: string) {
    this.#storage = storage
    this.#key = key
    this.#entries = restored(storage?.getItem(key) ?? null)
    this.#texts = this.#entries.map(entry => JSON.stringify(entry))
    this.#characters = this.#texts.reduce((sum, text) => sum + text.length, 0)
  }

  get entries(): readonly PublishMessage[] {
    return this.#entries
  }

  /** @throws `outbox-full`, and what the storage throws when it has no room; then nothing is queued */
  add(entry: PublishMessage, waiting: Waiting): void {
    const text = JSON.stringify(entry)
    if (this.#entries.length >= OUTBOX_ENTRIES || this.#characters + text.length > OUTBOX_CHARACTERS) {
      throw new BrokerError('outbox-full', 'too much waits for the broker already')
    }
    this.#storage?.setItem(this.#key, listOf([...this.#texts, text]))
    this.#entries.push(entry)
    this.#texts.push(text)
    this.#characters += text.length
    this.#waiting.set(entry.ref, waiting)
  }

  /** What can be sent now, in order; it counts as sent. */
  take(): readonly PublishMessage[] {
    const taken: PublishMessage[] = []
    for (const entry of this.#entries) {
      if (this.#inFlight.size >= PUBLICATIONS_IN_FLIGHT) break
      if (this.#inFlight.has(entry.ref)) continue
      this.#inFlight.add(entry.ref)
      taken.push(entry)
    }
    return taken
  }

  /** The connection is gone: everything has to be sent again. */
  rewind(): void {
    this.#inFlight.clear()
  }

  published(ref: string, id: string): void {
    this.#drop(ref)?.resolve(id)
  }

  refused(ref: string, error: BrokerError): void {
    this.#drop(ref)?.reject(error)
  }

  /** Entries stay in the storage, for a client that comes later. */
  abandon(error: BrokerError): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
  }

  #drop(ref: string): Waiting | undefined {
    const at = this.#entries.findIndex(entry => entry.ref === ref)
    if (at < 0) return undefined
    this.#entries.splice(at, 1)
    this.#characters -= this.#texts.splice(at, 1)[0]!.length
    this.#inFlight.delete(ref)
    if (this.#entries.length === 0) this.#storage?.removeItem(this.#key)
    else this.#storage?.setItem(this.#key, listOf(this.#texts))
    const waiting = this.#waiting.get(ref)
    this.#waiting.delete(ref)
    return waiting
  }
}

function listOf(texts: readonly string[]): string {
  return `[${texts.join(',')}]`
}

/** What does not look like ours was damaged or is somebody else's; it is left out. */
function restored(text: string | null): PublishMessage[] {
  if (text === null) return []
  try {
    const entries: unknown = JSON.parse(text)
    return Array.isArray(entries) ? entries.filter(isEntry) : []
  } catch {
    return []
  }
}

function isEntry(value: unknown): value is PublishMessage {
  if (typeof value !== 'object' || value === null) return false
  const { type, ref, topic } = value as Record<string, unknown>
  return type === 'publish' && typeof ref === 'string' && typeof topic === 'string'
}
