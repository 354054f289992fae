/**
 * Operations that wait for their turn on the air, each with the reason why it is said: it is the node's own, somebody is
 * out of reach of those who said it, it came from elsewhere, or its long form was asked for. What others say meanwhile
 * need not be said again.
 */

import type { Author, Authors } from './authors.js'
import type { CompactOperation } from './compact.js'
import type { Digests } from './digests.js'
import type { Forms } from './forms.js'
import type { FragmentExchange } from './fragment-exchange.js'
import { BRIDGED_OPERATIONS, OWN_OPERATIONS } from './limits.js'
import type { Column } from './linear-system.js'
import type { Neighbours } from './neighbours.js'
import type { OutgoingFrame, Voice } from './voice.js'

export type Reason = 'own' | 'relay' | 'bridge' | 'long'

export interface OutboxParts {
  readonly authors: Authors
  readonly forms: Forms
  readonly digests: Digests
  readonly fragments: FragmentExchange
  readonly neighbours: Neighbours
  readonly voice: Voice
}

interface Intent {
  readonly author: Author
  readonly seqNum: number
  readonly reason: Reason
  dueMs: number
}

export class Outbox {
  readonly #parts: OutboxParts
  readonly #intents = new Map<Column, Intent>()

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  add(author: Author, seqNum: number, reason: Reason, dueMs: number): void {
    const column = this.#parts.authors.column(author, seqNum)
    const pending = this.#intents.get(column)
    if (pending && (pending.reason === 'own' || pending.reason === reason)) return
    this.#intents.set(column, { author, seqNum, reason, dueMs })
    const limit = reason === 'own' ? OWN_OPERATIONS : BRIDGED_OPERATIONS
    const same = [...this.#intents].filter(([, intent]) => intent.reason === reason)
    if (same.length > limit) this.#intents.delete(same[0]![0])
  }

  /** Somebody else said it, and nobody is out of his reach: nothing that was only to be handed on needs to be. */
  overhear(compact: CompactOperation, author: Author, seqNum: number): void {
    const column = this.#parts.authors.column(author, seqNum)
    const pending = this.#intents.get(column)
    if (!pending || pending.reason === 'own') return
    if (pending.reason === 'long' && !this.#parts.forms.isLongOf(compact, author, seqNum)) return
    this.#intents.delete(column)
  }

  dueMs(): number {
    let due = Infinity
    for (const { dueMs } of this.#intents.values()) due = Math.min(due, dueMs)
    return due
  }

  /** Except what is the node's own. */
  postpone(later: (dueMs: number) => number): void {
    for (const intent of this.#intents.values()) if (intent.reason !== 'own') intent.dueMs = later(intent.dueMs)
  }

  take(reason: Reason, nowMs: number): OutgoingFrame | null {
    const { authors, forms, digests, fragments, neighbours, voice } = this.#parts
    const intent = this.#next(reason, nowMs)
    if (!intent) return null
    const { author, seqNum } = intent
    const column = authors.column(author, seqNum)
    const compact = reason === 'long' ? forms.longOf(author, seqNum) : forms.compactOf(author, seqNum)
    if (!compact) {
      this.#intents.delete(column)
      return this.take(reason, nowMs)
    }
    const bytes = reason === 'relay' ? voice.relay(compact) : voice.operation(compact)
    if (bytes.length > voice.mtu) {
      this.#intents.delete(column)
      fragments.offer(author, seqNum, compact, nowMs, true)
      return this.take(reason, nowMs)
    }
    return {
      bytes,
      kind: 'operation',
      isWanted: () => this.#intents.get(column) === intent,
      done: (wasSent, atMs) => {
        if (this.#intents.get(column) === intent) this.#intents.delete(column)
        if (wasSent) neighbours.sent(column, voice.tag)
        if (wasSent) digests.onNews(atMs)
      },
    }
  }

  #next(reason: Reason, nowMs: number): Intent | null {
    let chosen: Intent | null = null
    for (const intent of this.#intents.values()) {
      if (intent.reason !== reason || intent.dueMs > nowMs) continue
      // The freshest of the own ones first: what is old is found by its gap and repaired with others.
      if (!chosen || (reason === 'own' ? intent.seqNum > chosen.seqNum : intent.dueMs < chosen.dueMs)) chosen = intent
    }
    return chosen
  }
}
