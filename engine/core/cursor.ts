/**
 * How far somebody has come in each log, under a name (spec/node.md 1.11). Frozen data; moving on gives a new cursor.
 * As CBOR: an array of the name and a map from author to a map from log id to sequence number.
 */

import { decodeCbor } from './cbor-decode.js'
import { type CborValue, encodeCbor } from './cbor-encode.js'
import { VerifyingKey } from './companions.js'
import { ThicketError } from './errors.js'
import { ascending, compareHeights, type LogHeights, type LogRange } from './heights.js'
import { idBytes, idFromBytes, type LogId } from './ids.js'

const MAX_SEQ_NUM = 0xffff_ffff

export class Cursor {
  readonly name: string
  readonly state: LogHeights

  constructor(name: string, state: LogHeights = new Map()) {
    this.name = name
    this.state = state
    Object.freeze(this)
  }

  /** The same cursor when it stands at this height or past it. */
  advance(author: VerifyingKey, logId: LogId, seqNum: number): Cursor {
    const height = this.logHeight(author, logId)
    if (height !== undefined && seqNum <= height) return this
    const logs = new Map(this.state.get(author)).set(logId, seqNum)
    const state = new Map(this.state).set(author, new Map(ascending(logs)))
    return new Cursor(this.name, new Map(ascending(state)))
  }

  logHeight(author: VerifyingKey, logId: LogId): number | undefined {
    return this.state.get(author)?.get(logId)
  }

  /** What lies in `heights` beyond this cursor. */
  compare(heights: LogHeights): LogRange[] {
    return compareHeights(heights, this.state)
  }

  encode(): Uint8Array {
    const authors = new Map<CborValue, CborValue>()
    for (const [author, logs] of this.state) {
      const entries = [...logs].map(([logId, seqNum]): [CborValue, CborValue] => [idBytes(logId), seqNum])
      authors.set(idBytes(author), new Map(entries))
    }
    return encodeCbor([this.name, authors])
  }

  /** Further elements of the array are ignored. @throws `decoding-cursor`, `decoding-cbor` and those of the ids */
  static decode(bytes: Uint8Array): Cursor {
    const value = decodeCbor(bytes)
    if (!Array.isArray(value)) throw wrong('a cursor is an array')
    const [name, authors] = value
    if (typeof name !== 'string') throw wrong('the name is a text')
    const state = new Map<VerifyingKey, ReadonlyMap<LogId, number>>()
    for (const [author, logs] of entriesOf(authors)) {
      const heights = new Map<LogId, number>()
      for (const [logId, seqNum] of entriesOf(logs)) {
        heights.set(idFromBytes<LogId>(byteString(logId), 'log id'), height(seqNum))
      }
      state.set(VerifyingKey.fromBytes(byteString(author)), heights)
    }
    return new Cursor(name, state)
  }
}

function entriesOf(value: CborValue | undefined): Iterable<[CborValue, CborValue]> {
  if (value instanceof Map) return value
  // A map without entries decodes as a plain object.
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    if (Object.keys(value).length === 0) return []
  }
  throw wrong('heights are a map with byte strings as keys')
}

function byteString(value: CborValue): Uint8Array {
  if (!(value instanceof Uint8Array)) throw wrong('an id is a byte string')
  return value
}

function height(value: CborValue): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_SEQ_NUM) return value
  throw wrong('a height is a sequence number')
}

function wrong(message: string): ThicketError {
  return new ThicketError('decoding-cursor', message)
}
