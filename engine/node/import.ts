/** Importing foreign operations: batches of a stream of them go through the one door, and each is accounted for. */

import { type Header, isThicketError, type OperationId, ThicketError, type Topic } from '../core/index.js'
import type { Judged, RawOperation } from '../pipeline/index.js'
import type { Engine } from './engine-types.js'

/** An operation from anywhere: bytes, or decoded by somebody else; it is verified either way. */
export interface ForeignOperation {
  readonly header: Uint8Array | Pick<Header, 'bytes'>
  readonly body: Uint8Array | null
}

export interface ImportResult {
  readonly stored: number
  readonly held: number
  /** Those that were here already. */
  readonly duplicates: number
  /** Refused, with the place in the import (from 0) and why; the last may be the import itself breaking off. */
  readonly refused: readonly ImportRefusal[]
}

export interface ImportRefusal {
  readonly position: number
  readonly code: string
  readonly error: ThicketError
  readonly id: OperationId | null
}

export interface Imported {
  readonly sessionId: number
  /** Resolves when every operation was stored, held or refused, whether or not anyone reads the subscription. */
  readonly done: Promise<ImportResult>
}

/** Operations handed over at once: one transaction. */
const BATCH_OPERATIONS = 256
/** Refusals kept one by one; a file that is wholly wrong need not be listed. */
const MAX_REFUSALS = 1_000

export function importOperations(
  engine: Engine,
  topic: Topic,
  operations: AsyncIterable<ForeignOperation> | Iterable<ForeignOperation>,
): Imported {
  const session = engine.beginImport(topic)
  return { sessionId: session.sessionId, done: run(session, operations) }
}

async function run(
  session: ReturnType<Engine['beginImport']>,
  operations: AsyncIterable<ForeignOperation> | Iterable<ForeignOperation>,
): Promise<ImportResult> {
  const counts = { stored: 0, held: 0, duplicates: 0 }
  const refused: ImportRefusal[] = []
  let position = 0
  let batch: RawOperation[] = []

  const refuse = (at: number, error: ThicketError, id: OperationId | null) => {
    if (refused.length < MAX_REFUSALS) refused.push({ position: at, code: error.code, error, id })
  }

  const flush = async () => {
    const operations = batch
    batch = []
    if (operations.length === 0) return
    const first = position - operations.length
    let judged: readonly Judged[]
    try {
      judged = await new Promise<readonly Judged[]>(resolve => session.receive(operations, resolve))
    } catch (error) {
      if (!isThicketError(error)) throw error
      for (const index of operations.keys()) refuse(first + index, error, null)
      throw error
    }
    for (const [index, { outcome, error, operation }] of judged.entries()) {
      if (outcome === 'refused') refuse(first + index, error ?? unknown(), operation?.id ?? null)
      else counts[outcome === 'duplicate' ? 'duplicates' : outcome] += 1
    }
  }

  try {
    for await (const { header, body } of operations) {
      position += 1
      batch.push({ header: header instanceof Uint8Array ? header : header.bytes, body })
      if (batch.length >= BATCH_OPERATIONS) await flush()
    }
    await flush()
  } catch (cause) {
    // The source broke off: what came before it is kept.
    await flush()
    const error = isThicketError(cause)
      ? cause
      : new ThicketError('import-failed', 'the source of the import failed', {}, { cause })
    refuse(position, error, null)
  } finally {
    session.end()
  }
  return { ...counts, refused }
}

function unknown(): ThicketError {
  return new ThicketError('import-failed', 'the operation was refused')
}
