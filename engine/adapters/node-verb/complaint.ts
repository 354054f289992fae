/** What is wrong with the input, in one line for a person: the sentence, and the facts that it leaves out. */

import type { ThicketError } from '../../core/index.js'

/** Whose sentence says what cannot be done, and whose cause says why. */
const SYSTEM_REASONS: ReadonlySet<string> = new Set(['listen-failed', 'port-unavailable', 'key-file-unreachable'])

export function complaintOf(error: ThicketError): string {
  const { got, listen } = error.details
  const parts = [error.message]
  // A person may have named several addresses; these sentences do not say which one it was.
  if (error.code === 'address-invalid') parts.push(`got ${JSON.stringify(got)}`)
  if (error.code === 'listen-failed' && Array.isArray(listen)) parts.push(listen.join(', '))
  if (SYSTEM_REASONS.has(error.code) && error.cause instanceof Error) parts.push(reasonOf(error.cause))
  return `thicket node: ${parts.join('; ').replace(/\s+/g, ' ')}\n`
}

/** The innermost reason, which is the system's: a library that tried several ways says only that all failed. */
function reasonOf(cause: Error): string {
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return reasonOf(cause.errors[0])
  return cause.cause instanceof Error ? reasonOf(cause.cause) : cause.message
}
