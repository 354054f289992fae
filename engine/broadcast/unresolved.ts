/**
 * Operations heard of authors that cannot be told yet: nobody has introduced them, or two known ones share the tag. The
 * first wait for an introduction; the others are whosever they verify for, or are left to repair, which tells them apart.
 */

import { bytesEqual } from '../core/index.js'
import type { Authors } from './authors.js'
import type { CompactOperation } from './compact.js'
import { type Forms, timestampOf } from './forms.js'
import { UNRESOLVED_FRAMES } from './limits.js'
import type { ReceivedOperation } from './rebuild.js'

export class Unresolved {
  readonly #authors: Authors
  readonly #forms: Forms
  readonly #waiting: CompactOperation[] = []

  constructor(authors: Authors, forms: Forms) {
    this.#authors = authors
    this.#forms = forms
  }

  add(compact: CompactOperation): void {
    if (this.#waiting.some(({ bytes }) => bytesEqual(bytes, compact.bytes))) return
    this.#waiting.push(compact)
    if (this.#waiting.length > UNRESOLVED_FRAMES) this.#waiting.shift()
  }

  /** All of them, to be heard again: somebody was introduced. */
  drain(): readonly CompactOperation[] {
    return this.#waiting.splice(0)
  }

  /** Of those who are neither introduced nor remembered as strangers. */
  unknownTags(): readonly number[] {
    const tags = new Set(this.#waiting.map(({ tag }) => tag))
    return [...tags].filter(
      tag => this.#authors.authorsOfTag(tag).length === 0 && !this.#authors.strangers().includes(tag),
    )
  }

  /** Frames with a tag that two authors share: whoever it verifies for. */
  rebuild(): readonly ReceivedOperation[] {
    const received: ReceivedOperation[] = []
    for (const compact of [...this.#waiting]) {
      if (this.#authors.authorsOfTag(compact.tag).length < 2) continue
      const result = this.#forms.rebuild(compact)
      if (result.type !== 'rebuilt') continue
      this.#waiting.splice(this.#waiting.indexOf(compact), 1)
      const author = this.#authors.find(result.author)
      if (!author || this.#authors.has(author, result.seqNum)) continue
      this.#authors.claim(author, result.seqNum)
      this.#authors.rebuilt(author, result.seqNum, result.id, timestampOf(result.header))
      received.push(result)
    }
    return received
  }
}
