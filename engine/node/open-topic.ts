/** A topic that this node takes part in: its readers and followers, and what came for it in this life of the topic. */

import type { TopicRow } from '../store/index.js'
import {
  type ControlEvent,
  REMEMBERED_SOURCES,
  SessionTotals,
  type Source,
  type Subscription,
} from '../streams/index.js'
import type { ReceivedFrom } from '../sync/index.js'

/** Where a batch came from: a peer, an import, or a radio. */
export type Origin = ReceivedFrom | { readonly importId: number } | { readonly radio: string }

export const LOCAL_STORE: Source = { type: 'local-store' }

export class OpenTopic {
  readonly row: TopicRow
  readonly subscriptions = new Set<Subscription<unknown>>()
  readonly sessions = new SessionTotals()
  /** Those who keep it open without reading it. */
  followers = 0
  /** Imports begun, and so the id of the next one. */
  imports = 0
  /** Where operations came from, by position, until the app has read them; oldest first. */
  readonly #sources = new Map<number, Source>()

  constructor(row: TopicRow) {
    this.row = row
  }

  get isUsed(): boolean {
    return this.subscriptions.size > 0 || this.followers > 0
  }

  announce(event: ControlEvent): void {
    for (const subscription of this.subscriptions) subscription.push(event)
  }

  sourceOf(origin: Origin): Source {
    if ('radio' in origin) return { type: 'radio', radio: origin.radio }
    return 'remote' in origin ? this.sessions.source(origin) : { type: 'external-stream', sessionId: origin.importId }
  }

  remember(position: number, source: Source): void {
    if (this.#sources.size >= REMEMBERED_SOURCES) {
      const oldest = this.#sources.keys().next()
      if (!oldest.done) this.#sources.delete(oldest.value)
    }
    this.#sources.set(position, source)
  }

  sourceAt(position: number): Source {
    return this.#sources.get(position) ?? LOCAL_STORE
  }
}
