/** Bytes in, lines of text out, in bounded memory: what is too long or no text is named and passed over. */

export type Line =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'refused'; readonly code: 'line-too-long' | 'line-not-text' }

export class LineSplitter {
  readonly #maxBytes: number
  #parts: Uint8Array[] = []
  #bytes = 0
  #isTooLong = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The lines that end in these bytes; a carriage return before the line feed belongs to the end. */
  *push(chunk: Uint8Array): Generator<Line, void, undefined> {
    let from = 0
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, from)) {
      this.#take(chunk.subarray(from, at))
      from = at + 1
      yield this.#line()
    }
    if (from < chunk.length) this.#take(chunk.subarray(from))
  }

  /** What stands behind the last line feed, if anything does. */
  *end(): Generator<Line, void, undefined> {
    if (this.#bytes > 0 || this.#isTooLong) yield this.#line()
  }

  #take(bytes: Uint8Array): void {
    // One more byte may be the carriage return.
    if (this.#isTooLong || this.#bytes + bytes.length > this.#maxBytes + 1) {
      this.#isTooLong = true
      this.#parts = []
      this.#bytes = 0
      return
    }
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }

  #line(): Line {
    const isTooLong = this.#isTooLong
    let bytes: Uint8Array = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#isTooLong = false
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1)
    if (isTooLong || bytes.length > this.#maxBytes) return { type: 'refused', code: 'line-too-long' }
    try {
      return { type: 'text', text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
    } catch {
      return { type: 'refused', code: 'line-not-text' }
    }
  }
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
