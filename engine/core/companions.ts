/**
 * What makes the branded ids: one object beside each type, under the same name. Texts may be of either case; all errors
 * are `invalid-hex-encoding` and `invalid-length`, and for keys `invalid-verifying-key`.
 */

import type { Random } from '../ports.js'
import { ThicketError } from './errors.js'
import { hash } from './hash.js'
import * as ids from './ids.js'
import { isPoint } from './point.js'

export type Hash = ids.Hash
export const Hash = {
  of: (bytes: Uint8Array): Hash => ids.idFromBytes(hash(bytes), 'hash'),
  fromHex: (hex: string): Hash => ids.idFromHex(hex, 'hash'),
  fromBytes: (bytes: Uint8Array): Hash => ids.idFromBytes(bytes, 'hash'),
} as const

export type OperationId = ids.OperationId
export const OperationId = {
  fromHex: (hex: string): OperationId => ids.idFromHex(hex, 'operation id'),
  fromBytes: (bytes: Uint8Array): OperationId => ids.idFromBytes(bytes, 'operation id'),
} as const

export type Topic = ids.Topic
export const Topic = {
  random: (random: Random): Topic => ids.idFromBytes(random.bytes(ids.ID_BYTES), 'topic'),
  fromHex: (hex: string): Topic => ids.idFromHex(hex, 'topic'),
  fromBytes: (bytes: Uint8Array): Topic => ids.idFromBytes(bytes, 'topic'),
  fromHash: (of: ids.Hash): Topic => ids.idFromHex(of, 'topic'),
} as const

export type LogId = ids.LogId
export const LogId = {
  /** The hash of exactly the 32 bytes of the topic: all authors of a topic share it (spec/node.md 2.3). */
  ofTopic: (topic: ids.Topic): LogId => ids.idFromBytes(hash(ids.idBytes(topic)), 'log id'),
  fromHex: (hex: string): LogId => ids.idFromHex(hex, 'log id'),
  fromBytes: (bytes: Uint8Array): LogId => ids.idFromBytes(bytes, 'log id'),
} as const

export type VerifyingKey = ids.VerifyingKey
export const VerifyingKey = {
  fromHex: (hex: string): VerifyingKey => checked(ids.idFromHex(hex, 'verifying key')),
  fromBytes: (bytes: Uint8Array): VerifyingKey => checked(ids.idFromBytes(bytes, 'verifying key')),
} as const

function checked(key: VerifyingKey): VerifyingKey {
  if (!isPoint(ids.idBytes(key), key)) {
    throw new ThicketError('invalid-verifying-key', 'these 32 bytes are no point of the curve', { got: key })
  }
  return key
}
