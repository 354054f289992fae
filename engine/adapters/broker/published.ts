/**
 * Publications that happen once, however often a client sends them: the client's reference is a row that commits with
 * the operation, so a crash between the commit and the answer is answered from the row. The newest references are
 * kept; the oldest go first, when a great many publications of all clients have come after them.
 */

import { encodeCbor, hash, idBytes, OperationId, ThicketError } from '../../core/index.js'
import type { Node, StreamPublisher } from '../../node/index.js'
import type { AppTransaction } from '../../streams/index.js'
import { REFERENCES_SWEEP } from './limits.js'

export interface Publication {
  readonly body: Uint8Array
  readonly dependsOn: readonly OperationId[]
  readonly reference: Reference | null
}

/** What a client calls its publication. */
export interface Reference {
  readonly client: string
  readonly ref: string
}

export interface Outcome {
  readonly id: OperationId
  /** False when the reference had published it before. */
  readonly isNew: boolean
}

/** Half a hash: enough to tell a million references apart, and one request from another. */
const DIGEST_BYTES = 16

export class Publications {
  readonly #node: Node
  readonly #kept: number
  #sinceSweep = 0

  constructor(node: Node, kept: number) {
    this.#node = node
    this.#kept = kept
    node.transact(rows =>
      rows.exec(`
        CREATE TABLE IF NOT EXISTS broker_references (
          number INTEGER PRIMARY KEY AUTOINCREMENT,
          key BLOB NOT NULL UNIQUE,
          request BLOB NOT NULL,
          id BLOB NOT NULL
        )`),
    )
  }

  /** @throws `ref-conflict` and those of publishing */
  async publish(publisher: StreamPublisher<Uint8Array>, publication: Publication): Promise<Outcome> {
    const { body, dependsOn, reference } = publication
    if (!reference) {
      const { id } = await publisher.publish(body, { dependsOn })
      return { id, isNew: true }
    }
    const key = digest([reference.client, reference.ref])
    const request = digest([publisher.topic, body, dependsOn.join()])
    const known = this.#find(key)
    if (known) {
      if (!equal(known.request, request)) {
        throw new ThicketError('ref-conflict', 'this reference has published something else before', {
          ref: reference.ref,
        })
      }
      return { id: OperationId.fromBytes(known.id), isNew: false }
    }
    // Nothing runs between the look and the commit: up to it, publishing is synchronous.
    const { id } = await publisher.publish(body, {
      dependsOn,
      alongside: (rows, forged) => this.#remember(rows, key, request, forged),
    })
    return { id, isNew: true }
  }

  #find(key: Uint8Array): { request: Uint8Array; id: Uint8Array } | undefined {
    let found: { request: Uint8Array; id: Uint8Array } | undefined
    this.#node.transact(rows => {
      found = rows.get('SELECT request, id FROM broker_references WHERE key = ?', key)
    })
    return found
  }

  #remember(rows: AppTransaction, key: Uint8Array, request: Uint8Array, id: OperationId): void {
    rows.run('INSERT INTO broker_references (key, request, id) VALUES (?, ?, ?)', key, request, idBytes(id))
    this.#sinceSweep += 1
    if (this.#sinceSweep < REFERENCES_SWEEP) return
    this.#sinceSweep = 0
    rows.run(
      'DELETE FROM broker_references WHERE number <= (SELECT max(number) FROM broker_references) - ?',
      this.#kept,
    )
  }
}

function digest(parts: readonly (string | Uint8Array)[]): Uint8Array {
  return hash(encodeCbor(parts)).slice(0, DIGEST_BYTES)
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
