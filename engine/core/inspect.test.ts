/** Goal: judgements are plain data of a fixed shape. Method: whole objects, for one header of each kind. */

import { describe, expect, it } from 'vitest'
import {
  describeHeader,
  forgeHeader,
  judgeHeader,
  LogId,
  OperationId,
  portableCrypto,
  SigningKey,
  Topic,
  U64_MAX,
} from './index.js'

const key = SigningKey.fromBytes(new Uint8Array(32).fill(7))
const logId = LogId.ofTopic(Topic.fromHex('11'.repeat(32)))
const someId = OperationId.fromHex('22'.repeat(32))
const body = Uint8Array.of(1, 2, 3)
const basic = forgeHeader(portableCrypto, key, {
  payload: body,
  seqNum: 0,
  backlink: null,
  extensions: { variant: 'basic', logId, timestamp: U64_MAX, prune: true },
})
const causal = forgeHeader(portableCrypto, key, {
  payload: null,
  seqNum: 1,
  backlink: someId,
  extensions: { variant: 'causal', logId, timestamp: 5n, previous: [someId, someId] },
})

describe('judgeHeader', () => {
  it('says everything about a header that is accepted', () => {
    expect(judgeHeader(basic.bytes, body)).toEqual({
      accepted: true,
      id: basic.id,
      author: key.verifyingKey,
      logId,
      seqNum: 0,
      backlink: null,
      timestamp: '18446744073709551615',
      prune: true,
      previous: null,
      payloadSize: 3,
    })
    expect(judgeHeader(causal.bytes, null)).toEqual({
      accepted: true,
      id: causal.id,
      author: key.verifyingKey,
      logId,
      seqNum: 1,
      backlink: someId,
      timestamp: '5',
      prune: false,
      previous: [someId, someId],
      payloadSize: 0,
    })
  })

  it('says code and field of one that is not', () => {
    expect(judgeHeader(new Uint8Array(0), null)).toEqual({ accepted: false, error: 'decoding-header', field: null })
    expect(judgeHeader(basic.bytes, Uint8Array.of(1))).toEqual({
      accepted: false,
      error: 'payload-mismatch',
      field: null,
    })
    expect(judgeHeader(Uint8Array.of(0x80), null)).toEqual({
      accepted: false,
      error: 'missing-field',
      field: 'version',
    })
  })

  it('asks the crypto it is given', () => {
    expect(judgeHeader(basic.bytes, body, { verify: () => false })).toMatchObject({ error: 'invalid-signature' })
  })
})

describe('describeHeader', () => {
  it('shows the fields and no error of a good one', () => {
    const { fields, id, error } = describeHeader(basic.bytes, body)
    expect(fields).toMatchObject({ author: key.verifyingKey, seqNum: 0, extensions: basic.extensions })
    expect(id).toBe(basic.id)
    expect(error).toBeNull()
  })

  it('shows the fields of one whose signature is wrong, with the first rule it breaks', () => {
    const flipped = Uint8Array.from(basic.bytes)
    flipped[40]! ^= 1
    const { fields, id, error } = describeHeader(flipped, null)
    expect(fields).toMatchObject({ author: key.verifyingKey })
    expect(id).toBeNull()
    expect(error?.code).toBe('invalid-signature')
  })

  it('shows nothing but the error of one that does not decode', () => {
    expect(describeHeader(Uint8Array.of(0xff), null)).toMatchObject({ fields: null, id: null })
  })
})
