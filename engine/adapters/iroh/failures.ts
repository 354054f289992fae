/**
 * What the library says of failures: texts for people, the first line of which holds what happened. The codes that
 * peers give are read out of them; all else is that the connection is gone.
 */

export type StreamFailure =
  /** The remote gave up sending, or wants no more. */
  | { readonly type: 'aborted'; readonly code: number }
  /** The connection under it is gone, in whatever way. */
  | { readonly type: 'gone' }

const ABORTED = /^(?:Error: )?(?:Reset|Stopped)\((\d+)\)/
/** A reason that the peer gives stands before the code, so only what stands at the end is believed. */
const CLOSED = /^closed by peer: (?:(\d+)|[\s\S]*\(code (\d+)\))$/
/** The alert of TLS for protocols that are not ours (RFC 7301 3.2), as QUIC carries it. */
const ALPN_REFUSED = /no_?application_?protocol|support(?:s)? no known protocol|error 120|ALPN/i

export function streamFailure(error: unknown): StreamFailure {
  const code = ABORTED.exec(String(error))?.[1]
  return code === undefined ? { type: 'gone' } : { type: 'aborted', code: codeOf(code) }
}

/** The code of a close in order, or null where the connection was lost. */
export function closeCode(verdict: string): number | null {
  const [, bare, afterReason] = CLOSED.exec(verdict) ?? []
  const code = bare ?? afterReason
  return code === undefined ? null : codeOf(code)
}

export function handshakeViolation(error: unknown): string {
  return ALPN_REFUSED.test(String(error)) ? 'alpn-refused' : 'handshake-failed'
}

/** QUIC allows 62 bits; the port has 32. */
function codeOf(text: string): number {
  const code = Number(text)
  return Math.min(code, 0xffffffff)
}
