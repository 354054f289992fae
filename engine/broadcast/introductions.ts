/** Introductions that wait to be sent: the keys of authors, for those who know them by their tags alone. */

import { idBytes } from '../core/index.js'
import type { Author } from './authors.js'
import type { OutgoingFrame, Voice } from './voice.js'
import { encodeIntroduction, FRAME_KIND } from './wire.js'

export class Introductions {
  readonly #voice: Voice
  readonly #dueMs = new Map<Author, number>()

  constructor(voice: Voice) {
    this.#voice = voice
  }

  has(author: Author): boolean {
    return this.#dueMs.has(author)
  }

  add(author: Author, dueMs: number): void {
    this.#dueMs.set(author, dueMs)
  }

  /** Somebody introduced the author. */
  drop(author: Author): void {
    this.#dueMs.delete(author)
  }

  dueMs(): number {
    let due = Infinity
    for (const at of this.#dueMs.values()) due = Math.min(due, at)
    return due
  }

  postpone(later: (dueMs: number) => number): void {
    for (const [author, at] of this.#dueMs) this.#dueMs.set(author, later(at))
  }

  /** Once one of them is due, those that wait go along as far as there is room. */
  take(nowMs: number): OutgoingFrame | null {
    const due = [...this.#dueMs].filter(([, at]) => at <= nowMs)
    if (due.length === 0) return null
    const room = Math.max(1, Math.floor(this.#voice.controlRoom / INTRODUCED_BYTES))
    const chosen = [...this.#dueMs.keys()].filter(author => author.key).slice(0, room)
    for (const [author] of due) if (!author.key) this.#dueMs.delete(author)
    if (chosen.length === 0) return null
    const keys = chosen.map(author => ({ key: idBytes(author.key!), exists: author.exists }))
    return {
      bytes: this.#voice.control(FRAME_KIND.introduction, encodeIntroduction({ keys })),
      kind: 'introduction',
      isWanted: () => chosen.some(author => this.#dueMs.has(author)),
      done: () => {
        for (const author of chosen) this.#dueMs.delete(author)
      },
    }
  }
}

/** Key and height in an introduction. */
const INTRODUCED_BYTES = 36
