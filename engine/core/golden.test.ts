/**
 * Goal: headers are encoded, signed and judged exactly as the released p2panda crates (0.7.1) do it. Method: data that
 * was recorded from those crates, in vectors/.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  Cursor,
  decodeHeader,
  type Extensions,
  encodeHeader,
  forgeHeader,
  Hash,
  hexToBytes,
  hybridToString,
  judgeHeader,
  LogId,
  OperationId,
  portableCrypto,
  SigningKey,
  Topic,
  VerifyingKey,
} from './index.js'

interface RecordedOperation {
  name: string
  secretKey: string
  publicKey: string
  topic: string
  logId: string
  seqNum: number
  backlink: string | null
  timestamp: string
  prune: boolean
  previous: string[] | null
  body: string | null
  payloadSize: number
  payloadHash: string | null
  signature: string
  header: string
  id: string
}

interface RecordedJudgement {
  base: string
  mutation: string
  header: string
  body: string | null
  verdict: { accepted: boolean; id?: string; error?: string; field?: string | null; reencodesIdentically?: boolean }
}

function load<Value>(name: string): Value {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}`, import.meta.url), 'utf8')) as Value
}

const { operations } = load<{ operations: RecordedOperation[] }>('operations.json')
const { judgements } = load<{ judgements: RecordedJudgement[] }>('judgements.json')

function extensionsOf(recorded: RecordedOperation): Extensions {
  const logId = LogId.fromHex(recorded.logId)
  const timestamp = BigInt(recorded.timestamp)
  return recorded.previous === null
    ? { variant: 'basic', logId, timestamp, prune: recorded.prune }
    : { variant: 'causal', logId, timestamp, previous: recorded.previous.map(OperationId.fromHex) }
}

describe('recorded operations', () => {
  it('are there', () => expect(operations).toHaveLength(44))

  it.each(operations)('$name is forged to the same bytes', recorded => {
    const key = SigningKey.fromHex(recorded.secretKey)
    expect(key.verifyingKey).toBe(recorded.publicKey)
    expect(LogId.ofTopic(Topic.fromHex(recorded.topic))).toBe(recorded.logId)
    const header = forgeHeader(portableCrypto, key, {
      payload: recorded.body === null ? null : hexToBytes(recorded.body),
      seqNum: recorded.seqNum,
      backlink: recorded.backlink === null ? null : OperationId.fromHex(recorded.backlink),
      extensions: extensionsOf(recorded),
    })
    expect(bytesToHex(header.bytes)).toBe(recorded.header)
    expect(header.id).toBe(recorded.id)
  })

  it.each(operations)('$name is decoded to the same fields', recorded => {
    const header = decodeHeader(hexToBytes(recorded.header))
    expect({ ...header, signature: bytesToHex(header.signature), bytes: bytesToHex(header.bytes) }).toEqual({
      version: 1,
      author: recorded.publicKey,
      payloadSize: recorded.payloadSize,
      payloadHash: recorded.payloadHash,
      seqNum: recorded.seqNum,
      backlink: recorded.backlink,
      extensions: extensionsOf(recorded),
      signature: recorded.signature,
      bytes: recorded.header,
      id: recorded.id,
    })
    // From the bytes it came from, and from its fields alone.
    expect(bytesToHex(encodeHeader(header))).toBe(recorded.header)
    expect(bytesToHex(encodeHeader({ ...header }))).toBe(recorded.header)
  })
})

const KEBAB = /(?<=[a-z])(?=[A-Z])/g

/** The same verdict, save where the crates decode a header with a tag that is gone when they encode it again. */
function expectSameJudgement({ header, body, verdict }: RecordedJudgement): void {
  const ours = judgeHeader(hexToBytes(header), body === null ? null : hexToBytes(body))
  if (verdict.reencodesIdentically === false) {
    expect(ours).toEqual({ accepted: false, error: 'decoding-header', field: null })
  } else if (verdict.accepted) {
    expect(ours).toMatchObject({ accepted: true, id: verdict.id })
  } else {
    const error = verdict.error!.replace(KEBAB, '-').toLowerCase()
    expect(ours).toMatchObject({ accepted: false, error })
    // The crate's message stands in place of the field when the extensions do not decode.
    if (error !== 'decoding-extensions') expect(ours).toMatchObject({ field: verdict.field })
  }
}

describe('recorded judgements', () => {
  it('are there', () => expect(judgements).toHaveLength(201))

  it.each(judgements)('$mutation ($base)', expectSameJudgement)

  it('refuses all three tagged headers, which the released crates take', () => {
    expect(judgements.filter(({ mutation }) => mutation === 'tagged header')).toHaveLength(3)
  })
})

describe('judgements of random mutations', () => {
  const { judgements: random } = load<{ judgements: RecordedJudgement[] }>('mutations.json')

  it.each(random)('$mutation: $verdict.error $verdict.field', expectSameJudgement)
})

describe('the chain of three operations written out in the specification', () => {
  const key = SigningKey.fromBytes(Uint8Array.from({ length: 32 }, (_, index) => index))
  const topic = Topic.fromHex('11'.repeat(32))
  const logId = LogId.ofTopic(topic)
  const body = hexToBytes('6d48656c6c6f2c2050616e646121')
  const start = 1754300000000000n

  it('has the same key, log id, hashes, signature and ids', () => {
    expect(key.verifyingKey).toBe('03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8')
    expect(logId).toBe('91f47563f3da92036f6fb227245b2833d0b42d76b1cc04afe198e92cf3749f61')
    expect(Hash.of(body)).toBe('c6208537343f375abecc6811528fe87ed3b51f344765e7586f645bd05ed27e90')
    expect(Hash.of(Uint8Array.of(1, 2, 3))).toBe('b177ec1bf26dfb3b7010d473e6d44713b29b765b99c6e60ecbfae742de496543')
    expect(Hash.of(new TextEncoder().encode('p2panda'))).toBe(
      'f745f8f284789fe66264d6c84e284f5eae080c1b54c3f69f84f04fd0012b8476',
    )
    const op0 = forgeHeader(portableCrypto, key, {
      payload: body,
      seqNum: 0,
      backlink: null,
      extensions: { variant: 'basic', logId, timestamp: start, prune: false },
    })
    expect(bytesToHex(op0.signature)).toBe(
      '0e40837f90cad689bc096f83a154f119d0d5ae201a946aafd407cdbf6eb69e2204f84d536f7dc52ccecd74cc8ffedb2884915bf1c22f739cff83200193894800',
    )
    expect(op0.id).toBe('ecf556825bfb52a28114fe91b38dd04595c827115dfc3325f185e2bd2ba87a77')
    const op1 = forgeHeader(portableCrypto, key, {
      payload: null,
      seqNum: 1,
      backlink: op0.id,
      extensions: { variant: 'basic', logId, timestamp: start + 1n, prune: true },
    })
    expect(op1.id).toBe('2dafed3ea19dc4dc4f969aafa061ced6a866e720ae2264f9a4da4fc289e5d319')
    const op2 = forgeHeader(portableCrypto, key, {
      payload: body,
      seqNum: 2,
      backlink: op1.id,
      extensions: { variant: 'basic', logId, timestamp: start + 2n, prune: false },
    })
    expect(op2.bytes[0]).toBe(0x88)
    expect(op2.id).toBe('4599fe02f3916efa4726894b999180cea8b7482729657b421cd2f060bcc1d389')
  })

  it('has the same cursors and hybrid timestamp', () => {
    const name = '31'.repeat(64)
    const empty = new Cursor(topic)
    expect(bytesToHex(empty.encode())).toBe(`827840${name}a0`)
    const cursor = empty.advance(key.verifyingKey, logId, 2)
    expect(bytesToHex(cursor.encode())).toBe(`827840${name}a15820${key.verifyingKey}a15820${logId}02`)
    expect(hybridToString({ wallUs: start, lamport: 7n })).toBe('1754300000000000/7')
  })
})

describe('the two headers that the vectors of log sync carry', () => {
  const key = SigningKey.fromHex('f47b55d7a1cc5ee3effd80a4e4a0c33112317d0432da9de6ae019ae7e78e16aa')
  const logId = LogId.ofTopic(Topic.fromHex('07'.repeat(32)))
  const body = new TextEncoder().encode('hello lora 20 bytes!')

  it('are forged to the same bytes', () => {
    expect(key.verifyingKey).toBe(
      VerifyingKey.fromHex('e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620'),
    )
    expect(logId).toBe('ebaf85b465a09de21b398fb112c1500f2cbe658c42f379e0c0f18d24b819f637')
    expect(Hash.of(body)).toBe('a0da07fef881448265d8e08da5c3d55d349144aeb31b424ce2f28c5b621f94ed')
    const op0 = forgeHeader(portableCrypto, key, {
      payload: body,
      seqNum: 0,
      backlink: null,
      extensions: { variant: 'basic', logId, timestamp: 1788000000000000n, prune: false },
    })
    expect(op0.bytes).toHaveLength(185)
    expect(op0.id).toBe('7e2933640582f9882fd1afaa914a3cb5175b1b828e21dc640112bb2fac7825b2')
    const op1 = forgeHeader(portableCrypto, key, {
      payload: body,
      seqNum: 1,
      backlink: op0.id,
      extensions: { variant: 'basic', logId, timestamp: 1788000001000000n, prune: false },
    })
    expect(op1.bytes).toHaveLength(219)
    expect(op1.id).toBe('0a7d9e6eefc32b4c9f7de447a79c96bd08fb9c234c98f584fba664cbde883726')
  })
})
