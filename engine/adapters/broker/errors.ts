/** What a client is told of an error: its code and sentence where it has one, and nothing of what only we should know. */

import { isThicketError } from '../../core/index.js'
import type { ErrorMessage } from './client/messages.js'

/** Codes of what may go well another time: the disk had no room, the node is ending, there were too many at once. */
const RETRY = new Set([
  'broker-closing',
  'database-full',
  'database-io',
  'database-in-use',
  'database-read-only',
  'node-closed',
])

/** Status of HTTP answers; everything else that has a code is the request's fault. */
const STATUS: Readonly<Record<string, number>> = {
  unauthorized: 401,
  forbidden: 403,
  'origin-refused': 403,
  'host-refused': 421,
  'not-found': 404,
  'operation-unknown': 404,
  'ref-conflict': 409,
  'message-too-large': 413,
  'too-many-topics': 503,
}

export function errorMessage(error: unknown, about: Partial<ErrorMessage> = {}): ErrorMessage {
  const { code, message } = told(error)
  return { type: 'error', ...about, code, message, ...(RETRY.has(code) ? { retry: true } : {}) }
}

function told(error: unknown): { readonly code: string; readonly message: string } {
  if (!isThicketError(error)) return { code: 'internal', message: 'the broker could not do it; its log says why' }
  // These name files.
  if (error.code.startsWith('database-')) return { code: error.code, message: 'the database of the node refused it' }
  return error
}

export function statusOf(code: string): number {
  return STATUS[code] ?? (RETRY.has(code) ? 503 : 400)
}
