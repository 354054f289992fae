/**
 * Goal: headers are decoded, forged and kept as the checklist of the core asks. Method: small headers built here, the
 * fixtures that p2panda publishes, and mutations of valid headers.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeExtensions } from './extensions.js'
import { encodeFields, type SigningFields } from './header-encode.js'
import {
  acceptHeader,
  bytesToHex,
  concatBytes,
  decodeCbor,
  decodeHeader,
  type Extensions,
  encodeCbor,
  encodeHeader,
  forgeHeader,
  Hash,
  hexToBytes,
  isThicketError,
  isVerified,
  LogId,
  MAX_PREVIOUS,
  OperationId,
  parseHeader,
  portableCrypto,
  SigningKey,
  signedMessage,
  type ThicketError,
  Topic,
  U64_MAX,
} from './index.js'

const key = SigningKey.fromBytes(new Uint8Array(32).fill(7))
const logId = LogId.ofTopic(Topic.fromHex('11'.repeat(32)))
const basic: Extensions = { variant: 'basic', logId, timestamp: 1754300000000000n, prune: false }
const body = new TextEncoder().encode('Hello, Panda!')
const backlink = OperationId.fromHex('22'.repeat(32))

function forge(seqNum: number, payload: Uint8Array | null, extensions: Extensions = basic) {
  return forgeHeader(portableCrypto, key, { payload, seqNum, backlink: seqNum > 0 ? backlink : null, extensions })
}

/** Signs what the rules of forging would not let through. */
function signed(fields: Partial<SigningFields>): Uint8Array {
  const all: SigningFields = {
    version: 1,
    author: key.verifyingKey,
    payloadSize: 0,
    payloadHash: null,
    seqNum: 0,
    backlink: null,
    extensions: basic,
    ...fields,
  }
  return encodeFields(all, key.sign(encodeFields(all, null)))
}

function errorOf(work: () => unknown): ThicketError {
  try {
    work()
  } catch (error) {
    if (isThicketError(error)) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a header', () => {
  it('[7.3] verifies as signed; other data or another key do not; one without a signature does not decode', () => {
    const header = forge(0, body)
    const { verifyingKey, message, signature } = signedMessage(parseHeader(header.bytes))
    expect(portableCrypto.verify({ verifyingKey, message, signature })).toBe(true)
    expect(portableCrypto.verify({ verifyingKey, message: body, signature })).toBe(false)
    const other = portableCrypto.verifyingKey(new Uint8Array(32))
    expect(portableCrypto.verify({ verifyingKey: other, message, signature })).toBe(false)
    expect(errorOf(() => decodeHeader(message))).toMatchObject({
      code: 'unexpected-field-type',
      details: { field: 'signature' },
    })
  })

  it('[7.3] refuses each of the four combinations that do not fit together', () => {
    const payloadHash = Hash.of(body)
    expect(errorOf(() => decodeHeader(signed({ payloadHash })))).toMatchObject({
      code: 'unexpected-field-type',
      details: { field: 'seq_num' },
    })
    expect(errorOf(() => decodeHeader(signed({ payloadSize: 13 })))).toMatchObject({
      code: 'unexpected-field-type',
      details: { field: 'payload_hash' },
    })
    expect(errorOf(() => decodeHeader(signed({ backlink })))).toMatchObject({ code: 'excessive-fields' })
    expect(errorOf(() => decodeHeader(signed({ seqNum: 1 })))).toMatchObject({
      code: 'unexpected-field-type',
      details: { field: 'backlink' },
    })
  })

  it('[7.3] that is cut anywhere is a decoding error, also within a larger message', () => {
    const { bytes } = forge(1, body)
    for (let length = 0; length < bytes.length; length++) {
      expect(errorOf(() => decodeHeader(bytes.subarray(0, length))).code).toBe('decoding-header')
    }
    const pair = encodeCbor([bytes, body])
    for (let length = 0; length < pair.length; length++) {
      expect(errorOf(() => decodeCbor(pair.subarray(0, length))).code).toBe('decoding-cbor')
    }
  })

  it('[7.3] of p2panda core alone leaves the extensions out, and is told from one of a node', () => {
    const withBody = signed({ extensions: null, payloadSize: body.length, payloadHash: Hash.of(body) })
    expect(withBody[0]).toBe(0x86)
    const unverified = parseHeader(withBody)
    expect(unverified.extensions).toBeNull()
    expect(unverified.fields.payloadSize).toBe(13)
    expect(portableCrypto.verify(signedMessage(unverified))).toBe(true)
    expect(errorOf(() => decodeHeader(withBody)).code).toBe('missing-extensions')
  })

  it('[7.3] comes out of the three published fixtures of the core with equal fields', () => {
    const author = 'e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620'
    const hash = Hash.of(new TextEncoder().encode('Hello, Sloth!'))
    const fixtures = [
      '85015820e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620584011815a20d4e04a8ddb52a02313cd5237f7cc799980cb7b666c5a3c17dfb0fb9af383b1368ed200e77d5ace1cf025b358c8f6b931f687f285807f1676176616020000',
      '86015820e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b516205840bb599da5c5164f91e374e2cbe7d5e1fdc5fdf09310e0ba925e7e4fb9965466106d38f1e4a4bf992f8ebd0c479f8f51cc6c7c1627de7a58c67b7d02d31cc45a000d5820bf7f440de32bfc9b3194b002a2d9afab312cb5d74771d3c31d80c0a9058aa08e00',
      '86015820e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b5162058405af1dbb37160cff5c10373a654b1ecbfc28622d675b6827961096eaa232c9bcd93b4eabc11276d928e44b5ba77c5472df5f6208b2ec5960cff6e8663058bdf0d00015820442bfafb2f97793a1e901881ab235938a1704b5ba8c9c379a99b5568813c8da1',
    ].map(hexToBytes)
    const parsed = fixtures.map(parseHeader)
    expect(parsed.map(unverified => portableCrypto.verify(signedMessage(unverified)))).toEqual([true, true, true])
    expect(parsed[0]!.fields).toMatchObject({ author, payloadSize: 0, payloadHash: null, seqNum: 0, backlink: null })
    expect(parsed[1]!.fields).toMatchObject({ author, payloadSize: 13, payloadHash: hash, seqNum: 0, backlink: null })
    expect(parsed[2]!.fields).toMatchObject({ author, seqNum: 1, backlink: Hash.of(fixtures[1]!) })
  })

  it('[7.3] and its body travel as fields of a larger map', () => {
    const header = forge(0, body)
    const map = decodeCbor(encodeCbor({ header: header.bytes, body, more: null })) as Record<string, Uint8Array>
    expect(decodeHeader(map.header!)).toEqual(header)
    expect(map.body).toEqual(body)
  })

  it('[7.3] comes back the same from its bytes, whichever extensions it carries', () => {
    const causal: Extensions = { variant: 'causal', logId, timestamp: U64_MAX, previous: [backlink, backlink] }
    for (const extensions of [basic, { ...basic, prune: true }, causal]) {
      for (const seqNum of [0, 1, 23, 24, 65_536, 0xffff_ffff]) {
        for (const payload of [null, body]) {
          const header = forge(seqNum, payload, extensions)
          expect(decodeHeader(header.bytes)).toEqual(header)
          expect(header.id).toBe(Hash.of(header.bytes))
        }
      }
    }
  })

  it('[7.3] takes an empty body for none, and decodes', () => {
    const header = forge(0, new Uint8Array(0))
    expect(header).toMatchObject({ payloadSize: 0, payloadHash: null })
    expect(decodeHeader(header.bytes)).toEqual(header)
  })

  it('keeps bytes of its own, whatever becomes of those it came from', () => {
    const received = encodeHeader(forge(0, body))
    const header = decodeHeader(received)
    const { id } = header
    received.fill(0)
    expect(Hash.of(header.bytes)).toBe(id)
    encodeHeader(header).fill(0)
    expect(Hash.of(header.bytes)).toBe(id)
  })

  it('counts as verified only itself, not a copy, and does not change', () => {
    const header = forge(0, body)
    expect(isVerified(header)).toBe(true)
    expect(isVerified({ ...header })).toBe(false)
    expect(Object.isFrozen(header)).toBe(true)
  })

  it('puts the signature before the extensions in the order of judgement', () => {
    const unverified = parseHeader(signed({ extensions: null }))
    expect(errorOf(() => acceptHeader(unverified, false)).code).toBe('invalid-signature')
    expect(errorOf(() => acceptHeader(unverified, true)).code).toBe('missing-extensions')
  })
})

describe('tags', () => {
  const { bytes } = forge(1, body)
  const fields = [1, 2, 36, 102, 103, 137, 138]

  it('in front of the header, or of a field that nobody signs with it, give no second id', () => {
    const tagged = (at: number) => concatBytes(bytes.subarray(0, at), Uint8Array.of(0xc6), bytes.subarray(at))
    expect(errorOf(() => decodeHeader(tagged(0))).code).toBe('decoding-header')
    // In front of the signature: it is not part of what is signed.
    expect(errorOf(() => decodeHeader(tagged(fields[2]!))).code).toBe('decoding-header')
    for (const at of fields.filter(position => position !== fields[2])) {
      expect(errorOf(() => decodeHeader(tagged(at))).code).toBe('invalid-signature')
    }
  })
})

describe('limits of a header', () => {
  const withExtension = (item: string) => {
    const extensions = concatBytes(Uint8Array.of(0x86), encodeExtensions(basic).subarray(1), hexToBytes(item))
    const all = { version: 1, author: key.verifyingKey, payloadSize: 0, payloadHash: null, seqNum: 0, backlink: null }
    const unsigned = concatBytes(encodeFields({ ...all, extensions: null }, null), extensions)
    unsigned[0]! += 1
    const whole = concatBytes(encodeFields({ ...all, extensions: null }, key.sign(unsigned)), extensions)
    whole[0]! += 1
    return () => decodeHeader(whole).extensions
  }

  it('take what a later release adds at the end of the extensions', () => {
    expect(withExtension('a1616101')()).toEqual(basic)
  })

  it('are 64 levels of nesting', () => {
    // The header and the extensions are two of them.
    expect(withExtension(`${'81'.repeat(62)}00`)()).toEqual(basic)
    expect(errorOf(withExtension(`${'81'.repeat(63)}00`)).code).toBe('decoding-header')
  })

  it('are 512 items or bytes in anything', () => {
    expect(withExtension(`590200${'00'.repeat(512)}`)()).toEqual(basic)
    expect(errorOf(withExtension(`590201${'00'.repeat(513)}`)).code).toBe('decoding-header')
    expect(withExtension(`990200${'00'.repeat(512)}`)()).toEqual(basic)
    expect(errorOf(withExtension(`990201${'00'.repeat(513)}`)).code).toBe('decoding-header')
    expect(withExtension(`790200${'61'.repeat(512)}`)()).toEqual(basic)
    expect(errorOf(withExtension(`790201${'61'.repeat(513)}`)).code).toBe('decoding-header')
  })

  it('are 512 dependencies when forging', () => {
    const causal = (count: number): Extensions => ({
      variant: 'causal',
      logId,
      timestamp: 0n,
      previous: new Array<OperationId>(count).fill(backlink),
    })
    expect(decodeHeader(forge(0, null, causal(MAX_PREVIOUS)).bytes).extensions).toEqual(causal(MAX_PREVIOUS))
    expect(errorOf(() => forge(0, null, causal(MAX_PREVIOUS + 1))).code).toBe('excessive-previous')
  })

  it('are 64 bits of timestamp and 32 bits of sequence number when forging', () => {
    expect(forge(0, null, { ...basic, timestamp: U64_MAX }).extensions.timestamp).toBe(U64_MAX)
    expect(errorOf(() => forge(0, null, { ...basic, timestamp: U64_MAX + 1n })).code).toBe('invalid-timestamp')
    expect(errorOf(() => forge(0, null, { ...basic, timestamp: -1n })).code).toBe('invalid-timestamp')
    expect(forge(0xffff_ffff, null).seqNum).toBe(0xffff_ffff)
    expect(errorOf(() => forge(0x1_0000_0000, null)).code).toBe('invalid-seq-num')
    expect(errorOf(() => forge(0.5, null)).code).toBe('invalid-seq-num')
  })

  it('are a backlink exactly past the first operation when forging', () => {
    const forged = (seqNum: number, link: OperationId | null) => () =>
      forgeHeader(portableCrypto, key, { payload: null, seqNum, backlink: link, extensions: basic })
    expect(errorOf(forged(1, null)).code).toBe('backlink-missing')
    expect(errorOf(forged(0, backlink)).code).toBe('seq-num-mismatch')
  })
})

describe('extensions', () => {
  it('[7.2] of both variants come back from their bytes, also with no dependencies', () => {
    const causal: Extensions = { variant: 'causal', logId, timestamp: 0n, previous: [] }
    for (const extensions of [basic, causal]) {
      expect(decodeHeader(forge(0, null, extensions).bytes).extensions).toEqual(extensions)
    }
    expect(bytesToHex(encodeExtensions(basic))).toBe(
      '850100582091f47563f3da92036f6fb227245b2833d0b42d76b1cc04afe198e92cf3749f611b00063b86cc545800f4',
    )
  })

  it('[7.2] with a field more at their end still decode, and keep their id', () => {
    const longer = concatBytes(Uint8Array.of(0x86), encodeExtensions(basic).subarray(1), encodeCbor('a new field'))
    const bare = signed({ extensions: null })
    const unsigned = concatBytes(signedMessage(parseHeader(bare)).message, longer)
    unsigned[0]! += 1
    const whole = concatBytes(bare.subarray(0, bare.length - 2), Uint8Array.of(0, 0), longer)
    whole[0]! += 1
    whole.set(key.sign(unsigned), 38)
    const header = decodeHeader(whole)
    expect(header.extensions).toEqual(basic)
    expect(header.bytes).toEqual(whole)
    expect(header.id).toBe(Hash.of(whole))
  })

  it('[7.3] write the prune flag in one byte; in a map of an app it may be missing', () => {
    const flags = [true, false].map(prune => encodeExtensions({ ...basic, prune }))
    expect(flags.map(bytes => bytes.at(-1))).toEqual([0xf5, 0xf4])
    expect(flags[0]!.length).toBe(flags[1]!.length)
    expect(encodeCbor(true)).toHaveLength(1)
    const flagOf = (map: { prune?: boolean }) => (decodeCbor(encodeCbor(map)) as { prune?: boolean }).prune ?? false
    expect([flagOf({ prune: true }), flagOf({ prune: false }), flagOf({})]).toEqual([true, false, false])
  })
})

describe('parsing', () => {
  const valid = [
    forge(0, null),
    forge(1, body),
    forge(5, body, { variant: 'causal', logId, timestamp: 5n, previous: [backlink] }),
  ]

  it('throws nothing but coded errors at random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 250 }), bytes => {
        expect(isThicketError(errorOf(() => decodeHeader(bytes)))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('throws nothing but coded errors at valid headers with bytes changed, cut or put in, and accepts none of them', () => {
    const edit = fc.record({ at: fc.nat(260), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) })
    fc.assert(
      fc.property(fc.constantFrom(...valid), fc.array(edit, { minLength: 1, maxLength: 3 }), ({ bytes }, edits) => {
        let mutated: Uint8Array = bytes
        for (const { at, remove, insert } of edits) {
          mutated = concatBytes(mutated.subarray(0, at), insert, mutated.subarray(at + remove))
        }
        fc.pre(bytesToHex(mutated) !== bytesToHex(bytes))
        expect(isThicketError(errorOf(() => decodeHeader(mutated)))).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})
