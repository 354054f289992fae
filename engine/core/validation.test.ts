/**
 * Goal: the rules of one operation and of its log, in their order. Method: one valid header by hand, changed in one
 * field and signed again, as an author who breaks the rules would.
 */

import { describe, expect, it } from 'vitest'
import { encodeFields } from './header-encode.js'
import {
  bytesToHex,
  type Extensions,
  forgeHeader,
  Hash,
  type Header,
  type HeaderFields,
  hash,
  isThicketError,
  LogId,
  OperationId,
  portableCrypto,
  SigningKey,
  Topic,
  validateBacklink,
  validateHeader,
  validateOperation,
  validatePrunableBacklink,
} from './index.js'

const key = SigningKey.fromBytes(new Uint8Array(32).fill(1))
const other = SigningKey.fromBytes(new Uint8Array(32).fill(2))
const body = new TextEncoder().encode('Hello, Sloth!')
const extensions: Extensions = {
  variant: 'basic',
  logId: LogId.ofTopic(Topic.fromHex('11'.repeat(32))),
  timestamp: 1n,
  prune: false,
}
const someId = OperationId.fromHex('33'.repeat(32))

function byHand(changes: Partial<HeaderFields> = {}, signer = key): HeaderFields {
  const fields = {
    version: 1,
    author: key.verifyingKey,
    payloadSize: body.length,
    payloadHash: Hash.of(body),
    seqNum: 0,
    backlink: null,
    extensions,
    ...changes,
  }
  const signature = signer.sign(encodeFields(fields, null))
  const bytes = encodeFields(fields, signature)
  return { ...fields, signature, bytes, id: OperationId.fromBytes(hash(bytes)) }
}

function forged(seqNum: number, backlink: OperationId | null, prune = false, signer = key): Header {
  return forgeHeader(portableCrypto, signer, {
    payload: body,
    seqNum,
    backlink,
    extensions: { ...extensions, variant: 'basic', prune },
  })
}

function codeOf(work: () => void): string {
  try {
    work()
    return 'valid'
  } catch (error) {
    if (isThicketError(error)) return error.code
    throw error
  }
}

describe('validateHeader', () => {
  const judge = (changes: Partial<HeaderFields>, signer = key) => codeOf(() => validateHeader(byHand(changes, signer)))

  it('takes what is right, by hand or forged', () => {
    expect(judge({})).toBe('valid')
    expect(codeOf(() => validateHeader(forged(1, someId)))).toBe('valid')
  })

  it('[7.3] names the rule: version 0, a foreign key, no backlink at 1, a backlink at 0', () => {
    expect(judge({ version: 0 })).toBe('unsupported-version')
    expect(() => validateHeader(byHand({ version: 0 }))).toThrow(
      expect.objectContaining({ details: { got: 0, expected: 1 } }),
    )
    expect(judge({ author: other.verifyingKey })).toBe('signature-mismatch')
    expect(judge({ seqNum: 1 })).toBe('backlink-missing')
    expect(judge({ backlink: someId })).toBe('seq-num-mismatch')
  })

  it('asks for hash and size of a payload together', () => {
    expect(judge({ payloadHash: null })).toBe('inconsistent-payload-info')
    expect(judge({ payloadSize: 0 })).toBe('inconsistent-payload-info')
  })

  it('reports the first rule broken, in the released order', () => {
    const broken = { version: 2, payloadHash: null, backlink: someId }
    expect(judge(broken, other)).toBe('signature-mismatch')
    expect(judge(broken)).toBe('unsupported-version')
    expect(judge({ ...broken, version: 1 })).toBe('inconsistent-payload-info')
    expect(judge({ backlink: someId })).toBe('seq-num-mismatch')
  })
})

describe('validateOperation', () => {
  const judge = (header: HeaderFields, content: Uint8Array | null, id = header.id) =>
    codeOf(() => validateOperation({ id, header, body: content }))

  it('takes the body that was signed, and takes none', () => {
    for (const header of [byHand(), forged(0, null)]) {
      expect(judge(header, body)).toBe('valid')
      expect(judge(header, null)).toBe('valid')
    }
  })

  it('[7.3] finds a payload of the wrong size or the wrong hash', () => {
    expect(judge(byHand({ payloadSize: 11 }), body)).toBe('payload-mismatch')
    expect(judge(byHand({ payloadHash: Hash.of(Uint8Array.of(4, 5, 6)) }), body)).toBe('payload-mismatch')
    expect(judge(forged(0, null), body.subarray(1))).toBe('payload-mismatch')
    expect(judge(forged(0, null), Uint8Array.from(body).fill(0, 0, 1))).toBe('payload-mismatch')
  })

  it('refuses an empty body: no body has one form', () => {
    expect(judge(byHand({ payloadSize: 0, payloadHash: null }), new Uint8Array(0))).toBe('payload-mismatch')
    expect(judge(byHand({ payloadSize: 0, payloadHash: null }), null)).toBe('valid')
  })

  it('[7.2] refuses a good operation whose author was exchanged', () => {
    const header = forged(0, null)
    expect(judge({ ...header, author: other.verifyingKey }, body)).toBe('signature-mismatch')
  })

  it('computes the id anew', () => {
    expect(judge(byHand(), body, someId)).toBe('id-mismatch')
    expect(judge(forged(0, null), body, someId)).toBe('id-mismatch')
    expect(bytesToHex(hash(byHand().bytes))).toBe(byHand().id)
  })
})

describe('validateBacklink', () => {
  const first = forged(0, null)
  const judge = (past: Header, header: Header) => codeOf(() => validateBacklink(past, header))

  it('[7.3] takes the operation that follows', () => expect(judge(first, forged(1, first.id))).toBe('valid'))

  it('names the rule, in the released order', () => {
    expect(judge(first, forged(2, someId, false, other))).toBe('too-many-authors')
    expect(judge(first, forged(2, someId))).toBe('seq-num-non-incremental')
    expect(judge(first, forged(0, null))).toBe('seq-num-non-incremental')
    expect(judge(first, forged(1, someId))).toBe('backlink-mismatch')
    expect(codeOf(() => validateBacklink(first, { ...forged(1, first.id), backlink: null }))).toBe('backlink-missing')
  })

  it('says which number was expected', () => {
    expect(() => validateBacklink(first, forged(6, someId))).toThrow(
      expect.objectContaining({ details: { author: key.verifyingKey, expected: 1, got: 6 } }),
    )
  })

  it('ends at the last sequence number: nothing follows it, one before it something does', () => {
    const last = forged(0xffff_ffff, someId)
    expect(judge(last, forged(0, null))).toBe('seq-num-overflow')
    const before = forged(0xffff_fffe, someId)
    expect(judge(before, forged(0xffff_ffff, before.id))).toBe('valid')
  })
})

describe('validatePrunableBacklink', () => {
  const judge = (past: Header | null, header: Header) => codeOf(() => validatePrunableBacklink(past, header))
  const first = forged(0, null)

  it('[7.3] lets a gap pass with the prune flag, not without', () => {
    expect(judge(first, forged(5, someId))).toBe('seq-num-non-incremental')
    expect(judge(first, forged(5, someId, true))).toBe('valid')
    expect(judge(null, forged(5, someId))).toBe('backlink-missing')
    expect(judge(null, forged(5, someId, true))).toBe('valid')
  })

  it('[7.3] lets a first operation pass on an empty log, with and without the flag', () => {
    expect(judge(null, forged(0, null))).toBe('valid')
    expect(judge(null, forged(0, null, true))).toBe('valid')
  })

  it('[7.3] refuses another first operation once the log has grown, flag or not', () => {
    expect(judge(first, forged(0, null))).toBe('seq-num-non-incremental')
    expect(judge(first, forged(0, null, true))).toBe('seq-num-non-incremental')
  })

  it('[7.3] takes a successor with the flag', () => {
    expect(judge(first, forged(1, first.id, true))).toBe('valid')
  })

  it('has no flag in causal extensions', () => {
    const causal = forgeHeader(portableCrypto, key, {
      payload: null,
      seqNum: 5,
      backlink: someId,
      extensions: { variant: 'causal', logId: extensions.logId, timestamp: 1n, previous: [] },
    })
    expect(judge(null, causal)).toBe('backlink-missing')
  })
})
