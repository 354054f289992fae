/**
 * Two kinds of wrong: what a peer, a disk or a caller can cause is a `ThicketError` with a stable code; what only a bug
 * can cause is an `InvariantError`, kept on in production and never caught.
 */

export class ThicketError extends Error {
  override readonly name = 'ThicketError'
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.details = details
  }
}

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Asserts what only a bug can break; the sentence says why it must hold. */
export function invariant(condition: unknown, why: string): asserts condition {
  if (!condition) throw new InvariantError(why)
}

/** True for a coded error, with this code when one is given. */
export function isThicketError(error: unknown, code?: string): error is ThicketError {
  return error instanceof ThicketError && (code === undefined || error.code === code)
}
