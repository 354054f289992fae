/** The node's stream events as JSON. */

import { isThicketError } from '../../core/index.js'
import type { ProcessedOperation, StreamEvent } from '../../streams/index.js'
import { base64Of, contentOf } from './bodies.js'
import type { BrokerEvent, BrokerOperation, Json } from './client/messages.js'

export function eventJson(event: StreamEvent<Uint8Array>): BrokerEvent {
  if (event.type !== 'processed') return plainJson(event) as BrokerEvent
  return {
    type: 'processed',
    operation: operationJson(event.operation),
    source: plainJson(event.source) as { readonly type: string },
    missing: event.missing,
  }
}

function operationJson({ header, topic, message }: ProcessedOperation<Uint8Array>): BrokerOperation {
  const { id, author, seqNum, extensions } = header
  return {
    id,
    author,
    topic,
    logId: extensions.logId,
    seqNum,
    timestamp: String(extensions.timestamp),
    previous: extensions.variant === 'causal' ? extensions.previous : [],
    ...contentOf(message),
  }
}

/** Data of the engine: bigints become decimal strings, bytes base64url, errors their code and sentence. */
export function plainJson(value: unknown): Json {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (value instanceof Uint8Array) return base64Of(value)
  if (isThicketError(value)) return { code: value.code, message: value.message }
  if (value instanceof Error) return { code: 'internal', message: 'something failed' }
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value !== 'object') return null
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined && typeof entry !== 'function')
  return Object.fromEntries(entries.map(([key, entry]) => [key, plainJson(entry)]))
}
