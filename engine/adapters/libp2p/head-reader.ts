/** Reads the head of a stream that the remote opened, within a time. */

import type { Stream as LibStream } from '@libp2p/interface'
import { isThicketError } from '../../core/index.js'
import { attach } from './stream-events.js'
import { decodeHead, HEAD_BYTES, type Head } from './wire.js'

/** One of the two is called, once. */
export interface HeadHandlers {
  /** What came behind the head is the stream's to tell again. */
  head(head: Head): void
  /** A code for what the remote must not do; null when it has aborted the stream, as it may. */
  failed(code: string | null): void
}

export function readHead(lib: LibStream, limitMs: number, handlers: HeadHandlers): void {
  const bytes = new Uint8Array(HEAD_BYTES)
  let filled = 0
  let isOver = false
  const finish = (): boolean => {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    detach()
    return true
  }
  const fail = (code: string | null): void => {
    if (finish()) handlers.failed(code)
  }
  // A process that was held up finds its timers due before it has looked what came meanwhile.
  const timer = setTimeout(() => setImmediate(() => setImmediate(() => fail('head-timeout'))), limitMs)
  timer.unref()
  const detach = attach(lib, {
    data(data) {
      const taken = Math.min(HEAD_BYTES - filled, data.length)
      bytes.set(data.subarray(0, taken), filled)
      filled += taken
      if (filled < HEAD_BYTES || !finish()) return
      if (taken < data.length) lib.unshift(data.subarray(taken))
      const head = tryDecode(bytes)
      if (head === null) handlers.failed('head-malformed')
      else handlers.head(head)
    },
    end: () => fail('head-malformed'),
    gone: () => fail(null),
  })
}

function tryDecode(bytes: Uint8Array): Head | null {
  try {
    return decodeHead(bytes)
  } catch (error) {
    if (isThicketError(error)) return null
    throw error
  }
}
