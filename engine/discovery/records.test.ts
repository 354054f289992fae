/**
 * Goal: transport records are p2panda's to the byte, ours for libp2p are signed in the same way, and nobody can pass off
 * a record of another node, of another transport or with other addresses.
 * Method: the published vector and the recorded records, golden bytes for libp2p, and properties over made-up addresses.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  hexToBytes,
  hybridFromString,
  PostcardReader,
  portableCrypto,
  SigningKey,
  type VerifyingKey,
} from '../core/index.js'
import { parseIrohAddress, sortIrohAddresses } from './iroh-address.js'
import { DEFAULT_DISCOVERY_LIMITS as LIMITS } from './limits.js'
import { RECORDED_RUNS } from './recorded.contract.js'
import {
  encodeRecord,
  makeRecord,
  type ReadRecord,
  readRecord,
  recordToVerify,
  signatureInput,
  signRecord,
  type TransportKind,
  type TransportRecord,
} from './records.js'

const KEY = SigningKey.fromHex('f47b55d7a1cc5ee3effd80a4e4a0c33112317d0432da9de6ae019ae7e78e16aa')
const OTHER = SigningKey.fromBytes(new Uint8Array(32).fill(5))
const DATE = { wallUs: 1_788_000_000_000_000n, lamport: 0n }
const ID = 'e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620'
const ID_AS_NUMBERS =
  '982018e41518c418190c18c718f11864187a1859182e18bf188e185f1890185c182a18de18f91894188b17185b182b185c1118e118451118b5161820'

const read = (bytes: Uint8Array, nodeId: VerifyingKey, kind: TransportKind): ReadRecord =>
  readRecord(new PostcardReader(bytes), nodeId, kind, LIMITS)

function recordOf(result: ReadRecord): TransportRecord {
  if ('fault' in result) throw new Error(result.fault)
  return result.record
}

function verifies(nodeId: VerifyingKey, record: TransportRecord): boolean {
  const message = recordToVerify(nodeId, record)
  return message !== null && portableCrypto.verify(message)
}

describe('records of iroh', () => {
  const record = makeRecord('iroh', DATE, ['127.0.0.1:8080', 'relay:https://my.relay.net'])

  it('spec/sync.md 11: the signature input in the key order of 0.7.1', () => {
    expect(record.addresses).toEqual(['relay:https://my.relay.net/', '127.0.0.1:8080'])
    const relay = '6552656c61797568747470733a2f2f6d792e72656c61792e6e65742f'
    const addresses = `81a16449726f68a2626964${ID_AS_NUMBERS}65616464727382a1${relay}a1624970a16256348284187f000001191f90`
    expect(bytesToHex(signatureInput(KEY.verifyingKey, record))).toBe(
      `a269616464726573736573${addresses}6974696d657374616d70821b00065a2d30dbc00000`,
    )
  })

  it('spec/sync.md 11: the postcard form, 140 bytes', () => {
    const bytes = encodeRecord(KEY.verifyingKey, signRecord(KEY, record))
    expect(bytes).toHaveLength(140)
    expect(bytesToHex(bytes)).toMatch(
      new RegExp(
        `^8080ef86d3c596030040[0-9a-f]{128}0100${ID}02001568747470733a2f2f6d792e72656c61792e6e65742f01007f000001903f$`,
      ),
    )
  })

  it.each(RECORDED_RUNS.flatMap(run => run.transportRecords))(
    'signs and writes the recorded record of $nodeId',
    recorded => {
      const key = SigningKey.fromHex(recorded.secretKey)
      const known = recordOf(read(hexToBytes(recorded.postcard), key.verifyingKey, 'iroh'))
      expect(verifies(key.verifyingKey, known)).toBe(true)
      const ours = signRecord(key, makeRecord('iroh', hybridFromString(recorded.timestamp), known.addresses))
      expect(bytesToHex(ours.signature!)).toBe(recorded.signature)
      expect(bytesToHex(encodeRecord(key.verifyingKey, ours))).toBe(recorded.postcard)
      expect(ours).toEqual(known)
    },
  )

  it('an address of version 6 in octets and port', () => {
    const bytes = encodeRecord(ID as VerifyingKey, makeRecord('iroh', DATE, ['[2001:DB8::1]:4001']))
    expect(bytesToHex(bytes)).toMatch(/01010120010db8000000000000000000000001a11f$/)
    expect(recordOf(read(bytes, ID as VerifyingKey, 'iroh')).addresses).toEqual(['[2001:db8::1]:4001'])
  })

  it('sorts relays first, then version 4, then version 6, by octets and port, each once', () => {
    const sorted = [
      'relay:https://a.org/',
      'relay:https://b.org/',
      '2.0.0.1:1',
      '10.0.0.1:2',
      '10.0.0.1:11',
      '[::1]:1',
      '[fe80::1]:1',
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray([...sorted, ...sorted], { minLength: 14 }), shuffled => {
        expect(makeRecord('iroh', DATE, shuffled).addresses).toEqual(sorted)
      }),
    )
    expect(sortIrohAddresses([])).toEqual([])
  })

  it('two ways of being empty are told apart', () => {
    const nothing = signRecord(KEY, makeRecord('iroh', DATE, []))
    expect(bytesToHex(encodeRecord(KEY.verifyingKey, nothing))).toMatch(/00$/)
    const entry = { ...nothing, isListed: true }
    const bytes = encodeRecord(KEY.verifyingKey, entry)
    expect(recordOf(read(bytes, KEY.verifyingKey, 'iroh')).isListed).toBe(true)
    expect(verifies(KEY.verifyingKey, recordOf(read(bytes, KEY.verifyingKey, 'iroh')))).toBe(false)
  })

  it.each([
    '',
    '127.0.0.1',
    '127.0.0.1:70000',
    '256.0.0.1:1',
    '[::1]',
    '[::g]:1',
    'relay:nonsense',
    '/ip4/127.0.0.1/tcp/1',
  ])('refuses the address %j', text =>
    expect(() => parseIrohAddress(text)).toThrow(expect.objectContaining({ code: 'address-invalid' })),
  )
})

describe('records of libp2p', () => {
  const record = makeRecord('libp2p', DATE, [
    '/ip4/127.0.0.1/tcp/4001',
    '/ip4/10.0.0.1/tcp/4001',
    '/ip4/127.0.0.1/tcp/4001',
  ])

  it('golden: signature input, postcard form', () => {
    const text = (address: string) => bytesToHex(new TextEncoder().encode(address))
    const [one, two] = record.addresses as [string, string]
    expect([one, two]).toEqual(['/ip4/10.0.0.1/tcp/4001', '/ip4/127.0.0.1/tcp/4001'])
    expect(bytesToHex(signatureInput(KEY.verifyingKey, record))).toBe(
      `a269616464726573736573${'81'}a1664c6962703270${'82'}76${text(one)}77${text(two)}6974696d657374616d70821b00065a2d30dbc00000`,
    )
    const bytes = encodeRecord(KEY.verifyingKey, signRecord(KEY, record))
    expect(bytesToHex(bytes)).toMatch(
      new RegExp(`^8080ef86d3c596030040[0-9a-f]{128}01010216${text(one)}17${text(two)}$`),
    )
    expect(verifies(KEY.verifyingKey, recordOf(read(bytes, KEY.verifyingKey, 'libp2p')))).toBe(true)
  })

  it('an empty one of iroh is no empty one of libp2p', () => {
    const empty = encodeRecord(KEY.verifyingKey, signRecord(KEY, makeRecord('iroh', DATE, [])))
    expect(read(empty, KEY.verifyingKey, 'libp2p')).toEqual({ fault: 'record-unlisted' })
  })

  it('a record of iroh is another transport', () => {
    const bytes = encodeRecord(KEY.verifyingKey, signRecord(KEY, makeRecord('iroh', DATE, ['1.2.3.4:5'])))
    expect(() => read(bytes, KEY.verifyingKey, 'libp2p')).toThrow(
      expect.objectContaining({ code: 'decoding-postcard' }),
    )
  })
})

describe('who may say what', () => {
  it('addrs authenticate_address_infos: valid for its signer, and for nobody else or anything changed', () => {
    for (const kind of ['iroh', 'libp2p'] as const) {
      const addresses = kind === 'iroh' ? ['1.2.3.4:5'] : ['/ip4/1.2.3.4/tcp/5']
      const record = signRecord(KEY, makeRecord(kind, DATE, addresses))
      expect(verifies(KEY.verifyingKey, record)).toBe(true)
      expect(verifies(OTHER.verifyingKey, record)).toBe(false)
      expect(verifies(KEY.verifyingKey, { ...record, timestamp: { ...DATE, lamport: 1n } })).toBe(false)
      expect(verifies(KEY.verifyingKey, { ...record, addresses: kind === 'iroh' ? ['1.2.3.4:6'] : [] })).toBe(false)
    }
  })

  it('addrs node_id_mismatch: a record of one node is not taken for another', () => {
    const bytes = encodeRecord(KEY.verifyingKey, signRecord(KEY, makeRecord('iroh', DATE, ['1.2.3.4:5'])))
    expect(read(bytes, OTHER.verifyingKey, 'iroh')).toEqual({ fault: 'record-foreign' })
  })

  it('bounds: so many addresses of such a length are taken, one more is a fault', () => {
    const of = (count: number, length: number) => {
      const addresses = Array.from({ length: count }, (_, at) => `${at}`.padStart(length, '/'))
      return read(encodeRecord(KEY.verifyingKey, makeRecord('libp2p', DATE, addresses)), KEY.verifyingKey, 'libp2p')
    }
    expect(recordOf(of(LIMITS.addressesPerRecord, LIMITS.addressBytes)).addresses).toHaveLength(
      LIMITS.addressesPerRecord,
    )
    expect(of(LIMITS.addressesPerRecord + 1, 4)).toEqual({ fault: 'record-too-large' })
    expect(of(1, LIMITS.addressBytes + 1)).toEqual({ fault: 'record-too-large' })
  })

  it('any record comes back as it was', () => {
    const iroh = fc.oneof(
      fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([ip, port]) => `${ip}:${port}`),
      fc.tuple(fc.ipV6(), fc.nat(65_535)).map(([ip, port]) => `[${ip}]:${port}`),
    )
    const records = fc.oneof(
      fc.array(iroh, { maxLength: 8 }).map(addresses => makeRecord('iroh', DATE, addresses)),
      fc
        .array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 8 })
        .map(texts => makeRecord('libp2p', DATE, texts)),
    )
    fc.assert(
      fc.property(records, record => {
        const bytes = encodeRecord(KEY.verifyingKey, record)
        expect(read(bytes, KEY.verifyingKey, record.kind)).toEqual({ record })
      }),
    )
  })

  it('damaged bytes give a fault, a coded error or a record that does not verify', () => {
    const whole = encodeRecord(
      KEY.verifyingKey,
      signRecord(KEY, makeRecord('iroh', DATE, ['relay:https://a.org/', '1.2.3.4:5'])),
    )
    const known = read(whole, KEY.verifyingKey, 'iroh')
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(whole.length), (at, flip, cut) => {
        const damaged = whole.slice(0, cut === 0 ? whole.length : whole.length - (cut % 3))
        if (at < damaged.length) damaged[at]! ^= flip
        let result: ReadRecord
        try {
          result = read(damaged, KEY.verifyingKey, 'iroh')
        } catch (error) {
          expect(error).toMatchObject({ name: 'ThicketError' })
          return
        }
        // Two spellings of one URL are one address.
        if ('record' in result && verifies(KEY.verifyingKey, result.record))
          expect({ record: result.record }).toEqual(known)
      }),
      { numRuns: 200 },
    )
  })
})
