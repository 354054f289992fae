/** What a stream of libp2p tells, told once and in order: bytes, then the end; or that it is gone before. */

import type { Stream as LibStream } from '@libp2p/interface'

export interface StreamHandlers {
  data(bytes: Uint8Array): void
  /** The remote half-closed, and all bytes before it were handed over. */
  end(): void
  /** Reset, or its link is gone, before both sides had ended. */
  gone(): void
}

export function attach(lib: LibStream, handlers: StreamHandlers): () => void {
  // libp2p tells the end when it arrives, which may be before the bytes that it holds back are handed over, and a lost
  // link closes its streams as if both sides had ended them.
  let isEndSeen = lib.remoteWriteStatus === 'closed' && lib.status === 'open'
  let isTold = false
  const endIfRead = (): void => {
    if (!isEndSeen || isTold || lib.readBufferLength > 0) return
    isTold = true
    handlers.end()
  }
  const onMessage = ({ data }: { readonly data: { subarray(): Uint8Array } }): void => {
    handlers.data(data.subarray())
    endIfRead()
  }
  const onEnd = (): void => {
    isEndSeen = true
    endIfRead()
  }
  const onClose = (): void => {
    const isOrderly = lib.status === 'closed' && isEndSeen
    if (isOrderly) endIfRead()
    else handlers.gone()
  }
  const detach = (): void => {
    lib.removeEventListener('message', onMessage)
    lib.removeEventListener('remoteCloseWrite', onEnd)
    lib.removeEventListener('close', onClose)
  }
  lib.addEventListener('remoteCloseWrite', onEnd)
  lib.addEventListener('close', onClose)
  lib.addEventListener('message', onMessage)
  if (lib.status !== 'open') queueMicrotask(onClose)
  else if (isEndSeen && lib.readBufferLength === 0) queueMicrotask(endIfRead)
  return detach
}

/** Half-closes after what was written; that it cannot be done shows on the stream itself. */
export function endSoon(lib: LibStream): void {
  lib.close().catch(() => {})
}

/** Sends unless the stream is over; that a link broke under the write comes as an event of its own. */
export function trySend(lib: LibStream, bytes: Uint8Array): void {
  if (lib.writeStatus !== 'writable') return
  try {
    lib.send(bytes)
  } catch {
    // libp2p has aborted the stream by now, and says so to who is attached.
  }
}
