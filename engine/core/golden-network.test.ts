/**
 * Goal: the primitives of this folder carry p2panda's discovery, transport records and ephemeral messages to the byte.
 * Method: five recorded discovery runs and the published vectors are taken apart and put together again with hash,
 * postcard, frames, CBOR and signatures alone; the protocols themselves stand elsewhere.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  type CborValue,
  concatBytes,
  encodeCbor,
  encodeFrame,
  FrameDecoder,
  Hash,
  hash,
  hexToBytes,
  idBytes,
  LogId,
  PostcardReader,
  PostcardWriter,
  portableCrypto,
  SigningKey,
  Topic,
  VerifyingKey,
} from './index.js'

interface Run {
  readonly name: string
  readonly a: Side
  readonly b: Side
  readonly transportRecords: readonly {
    readonly nodeId: string
    readonly postcard: string
    readonly signature: string
  }[]
  readonly frames: readonly { readonly from: 'a' | 'b'; readonly frame: string }[]
}

interface Side {
  readonly topics: readonly string[]
  readonly found: readonly string[]
  readonly learned: readonly string[]
}

const { runs } = JSON.parse(readFileSync(new URL('./vectors/discovery.json', import.meta.url), 'utf8')) as {
  runs: readonly Run[]
}

/** The variants of the discovery messages. */
const [ALICE_SALT, BOB_SALT_AND_HASHES, ALICE_HASHES, NODES] = [0, 1, 2, 3] as const

describe.each(runs)('recorded discovery: $name', run => {
  const frames = run.frames.map(({ frame }) => unframe(hexToBytes(frame)))

  it('goes Alice, Bob, Alice, and then both tell of nodes', () => {
    expect(run.frames.map(({ from }) => from)).toEqual(['a', 'b', 'a', 'b', 'a'])
    expect(frames.map(frame => frame[0])).toEqual([ALICE_SALT, BOB_SALT_AND_HASHES, ALICE_HASHES, NODES, NODES])
  })

  it('hides each side’s topics behind both salts and its role, and finds what is in common', () => {
    const aliceSalt = frames[0]!.subarray(1, 33)
    const bobSalt = frames[1]!.subarray(1, 33)
    const hidden = (topic: string, role: number) =>
      bytesToHex(hash(concatBytes(hexToBytes(topic), aliceSalt, bobSalt, new Uint8Array([role]))))
    const fromBob = readSet(frames[1]!.subarray(33))
    const fromAlice = readSet(frames[2]!.subarray(1))
    expect([...fromBob].sort()).toEqual(run.b.topics.map(topic => hidden(topic, 1)).sort())
    expect([...fromAlice].sort()).toEqual(run.a.topics.map(topic => hidden(topic, 0)).sort())
    expect(run.a.topics.filter(topic => fromBob.has(hidden(topic, 1))).sort()).toEqual([...run.a.found].sort())
    expect(run.b.topics.filter(topic => fromAlice.has(hidden(topic, 0))).sort()).toEqual([...run.b.found].sort())
  })

  it('carries transport records that are signed by the nodes they speak of', () => {
    const learned = { a: readNodes(frames[3]!), b: readNodes(frames[4]!) }
    for (const side of ['a', 'b'] as const) {
      expect(learned[side].map(({ nodeId }) => nodeId)).toEqual([...run[side].learned])
      for (const record of learned[side]) {
        expect(verifies(record)).toBe(true)
        const recorded = run.transportRecords.find(({ nodeId }) => nodeId === record.nodeId)
        expect(bytesToHex(record.bytes)).toBe(recorded?.postcard)
        expect(bytesToHex(record.signature)).toBe(recorded?.signature)
      }
    }
  })
})

describe('the published vectors of spec/sync.md 11', () => {
  const key = SigningKey.fromHex('f47b55d7a1cc5ee3effd80a4e4a0c33112317d0432da9de6ae019ae7e78e16aa')
  const topic = Topic.fromBytes(new Uint8Array(32).fill(7))

  it('log id and overlay topic', () => {
    expect(key.verifyingKey).toBe('e415c4190cc7f1647a592ebf8e5f905c2adef9948b175b2b5c11e14511b51620')
    expect(LogId.ofTopic(topic)).toBe('ebaf85b465a09de21b398fb112c1500f2cbe658c42f379e0c0f18d24b819f637')
    const mix = hexToBytes('fd06fbd9ade4d7f482b5968edcf431db235ea3c5e55d8fe3613d26ca3ffa1ae9')
    expect(Hash.of(concatBytes(idBytes(topic), mix))).toBe(
      '569e5fce4e64fb0bf93cf8ccba0ccbaede16baf9ac2ea2e9ac3a202b412ead21',
    )
  })

  it('hashed topics of both roles', () => {
    const salts = concatBytes(new Uint8Array(32).fill(1), new Uint8Array(32).fill(2))
    const hidden = (role: number) => Hash.of(concatBytes(idBytes(topic), salts, new Uint8Array([role])))
    expect(hidden(0)).toBe('691e2ae7ad0033b6aa14cb12facbedbed5f23f919fb145c57d69775ac6fbd3c1')
    expect(hidden(1)).toBe('bf296171ffc7b27d808b1d212faa71a6c354ad7128357949f88cd973b955a9b8')
  })

  it('a transport record of 0.7.0: signature input, signature, postcard', () => {
    const timestamp = [1_788_000_000_000_000n, 0n] as const
    const id = idBytes(key.verifyingKey)
    const addrs = [{ Relay: 'https://my.relay.net/' }, { Ip: { V4: [[127, 0, 0, 1], 8080] } }]
    const input = signatureInputOf070(timestamp, [{ Iroh: { id: [...id], addrs } }])
    expect(input).toHaveLength(157)
    expect(bytesToHex(input)).toMatch(
      /^a26974696d657374616d70821b00065a2d30dbc000006961646472657373657381a16449726f68a2626964982018e4/,
    )
    const signature = key.sign(input)
    expect(bytesToHex(signature)).toBe(
      '4c670d0016c15c025a85cf828cc6dad0a2f2c9bde48e2f43076014040bf172e53b0bc56f266d95036f9ac3bbef9bb95616a5a679151c858b43dfeaabde0a3002',
    )
    const writer = new PostcardWriter().u64(timestamp[0]).u64(timestamp[1]).bytes(signature).varint(1).u8(0).fixed(id)
    const record = writer
      .varint(2)
      .u8(0)
      .string('https://my.relay.net/')
      .u8(1)
      .u8(0)
      .fixed(new Uint8Array([127, 0, 0, 1]))
      .varint(8080)
    const bytes = record.finish()
    expect(bytes).toHaveLength(140)
    expect(bytesToHex(bytes)).toMatch(/^8080ef86d3c5960300404c670d.*01007f000001903f$/)
  })

  it('an ephemeral message', () => {
    const [timestamp, lamport, body] = [1_788_000_000_000_000n, 0, 'hi']
    const author = idBytes(key.verifyingKey)
    const signature = key.sign(encodeCbor([1, author, timestamp, lamport, body]))
    expect(bytesToHex(signature)).toBe(
      'da5ec389fd5b90f083e65784cdfefd712ccb0965ad85af169dac1883536ce5465aa1ea89a29e8f694bc1cb8f18137deea5b5c2ea55f315ccc0a2394fb3a45e0b',
    )
    expect(encodeCbor([1, author, signature, timestamp, lamport, body])).toHaveLength(115)
  })

  it('spec/node.md 6.10: another ephemeral message', () => {
    const author = SigningKey.fromBytes(Uint8Array.from({ length: 32 }, (_, at) => at))
    const signed = encodeCbor([1, idBytes(author.verifyingKey), 1_754_300_000_000_000n, 0, 'Hello, Icebear!'])
    expect(bytesToHex(author.sign(signed))).toBe(
      '15bb29b6fbf5babe608bd463fd7d8ec6f049a638e81f085f968d11d617fb0373cab2a7a1e7fc30cd1c13a82276700018742443856a0703e0b0f7075f14c7430a',
    )
  })
})

interface TransportRecord {
  readonly nodeId: VerifyingKey
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
  readonly timestamp: readonly [bigint, bigint]
  readonly addresses: readonly CborValue[]
}

function verifies(record: TransportRecord): boolean {
  return portableCrypto.verify({
    verifyingKey: idBytes(record.nodeId),
    message: signatureInput(record.timestamp, record.addresses),
    signature: record.signature,
  })
}

/** As 0.7.1 signs it: sorted keys like everywhere, so addresses come first. */
function signatureInput(timestamp: readonly [bigint, bigint], addresses: readonly CborValue[]): Uint8Array {
  return encodeCbor({ timestamp: [...timestamp], addresses: [...addresses] })
}

/** As the published vector has it, which comes from 0.7.0: in the order of declaration. The recordings outrank it. */
function signatureInputOf070(timestamp: readonly [bigint, bigint], addresses: readonly CborValue[]): Uint8Array {
  const two = new Uint8Array([0xa2])
  const parts = [
    encodeCbor('timestamp'),
    encodeCbor([...timestamp]),
    encodeCbor('addresses'),
    encodeCbor([...addresses]),
  ]
  return concatBytes(two, ...parts)
}

function unframe(bytes: Uint8Array): Uint8Array {
  const decoder = new FrameDecoder(1 << 20)
  decoder.push(bytes)
  const frame = decoder.next()!
  decoder.finish()
  expect(encodeFrame(frame)).toEqual(bytes)
  return frame
}

function readSet(bytes: Uint8Array): ReadonlySet<string> {
  const reader = new PostcardReader(bytes)
  const items = new Set<string>()
  for (let left = reader.length(33); left > 0; left--) items.add(bytesToHex(reader.bytes()))
  expect(reader.remaining).toBe(0)
  return items
}

/** A `Nodes` message: node ids with their records, each also as the bytes it took. */
function readNodes(frame: Uint8Array): readonly TransportRecord[] {
  const reader = new PostcardReader(frame.subarray(1))
  const records: TransportRecord[] = []
  for (let left = reader.length(); left > 0; left--) {
    const nodeId = VerifyingKey.fromBytes(reader.bytes())
    const from = frame.length - reader.remaining
    const timestamp = [reader.u64(), reader.u64()] as const
    const signature = reader.bytes()
    const addresses: CborValue[] = []
    for (let count = reader.length(); count > 0; count--) {
      expect(reader.variant(1), 'iroh is the only kind of transport').toBe(0)
      addresses.push({ Iroh: { id: [...reader.fixed(32)], addrs: readAddresses(reader) } })
    }
    records.push({ nodeId, timestamp, signature, addresses, bytes: frame.slice(from, frame.length - reader.remaining) })
  }
  expect(reader.remaining).toBe(0)
  return records
}

function readAddresses(reader: PostcardReader): CborValue[] {
  return Array.from({ length: reader.length() }, (): CborValue => {
    if (reader.variant(2) === 0) return { Relay: reader.string() }
    expect(reader.variant(2), 'the recordings know IPv4 alone').toBe(0)
    return { Ip: { V4: [[...reader.fixed(4)], reader.u32()] } }
  })
}
