/**
 * Transport records: where a node says that it can be reached, dated and signed by itself (spec/sync.md 3.7).
 *
 * p2panda knows the addresses of iroh alone and refuses a whole message with a variant that it does not know; the
 * signature covers all addresses of a record. So every kind of transport has records of its own. Those of libp2p are
 * ours: the next variant, with multiaddrs as text, signed in the same way under the name "Libp2p".
 *
 * A record is canonical once it is decoded or made: sorted, each address once. `isListed` tells apart two ways in which
 * a record can be empty, which are signed differently: no entry for the transport, or an entry without addresses. Ours
 * for libp2p always has the entry, so that no signature under one kind is good for another.
 */

import {
  bytesToHex,
  type CborValue,
  compareBytes,
  encodeCbor,
  type HybridTimestamp,
  idBytes,
  type PostcardReader,
  PostcardWriter,
  type SigningKey,
  ThicketError,
  type VerifyingKey,
} from '../core/index.js'
import type { Addressing, SignedMessage } from '../ports.js'
import { formatIrohAddress, type IrohAddress, parseIrohAddress, relayUrl, sortIrohAddresses } from './iroh-address.js'
import type { DiscoveryLimits } from './limits.js'

export type TransportKind = Addressing['kind']

export interface TransportRecord {
  readonly kind: TransportKind
  readonly timestamp: HybridTimestamp
  /** Null for what was told by somebody we trust, and not by the node itself: it stays on this node. */
  readonly signature: Uint8Array | null
  /** In the notation of the transport, without the node id. */
  readonly addresses: readonly string[]
  readonly isListed: boolean
}

export type RecordLimits = Pick<DiscoveryLimits, 'addressesPerRecord' | 'addressBytes'>

/** Why a record that could be read is not taken. */
export type RecordFault = 'record-foreign' | 'record-too-large' | 'record-unlisted' | 'record-repeated'

export type ReadRecord = { readonly record: TransportRecord } | { readonly fault: RecordFault }

const VARIANT: { readonly [Kind in TransportKind]: number } = { iroh: 0, libp2p: 1 }
const NAME: { readonly [Kind in TransportKind]: string } = { iroh: 'Iroh', libp2p: 'Libp2p' }
const [RELAY, IP] = [0, 1] as const
const ADDRESS_VARIANTS = 2
const [V4, V6] = [0, 1] as const
const IP_VARIANTS = 2
const V4_BYTES = 4
const V6_BYTES = 16
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
const MAX_PORT = 65_535

/** A record without signature of what the transport says; throws `address-invalid`. */
export function makeRecord(
  kind: TransportKind,
  timestamp: HybridTimestamp,
  addresses: readonly string[],
): TransportRecord {
  const isListed = kind === 'libp2p' || addresses.length > 0
  return { kind, timestamp, signature: null, addresses: canonical(kind, addresses), isListed }
}

export function signRecord(key: SigningKey, record: TransportRecord): TransportRecord {
  return { ...record, signature: key.sign(signatureInput(key.verifyingKey, record)) }
}

/** What has to be verified before the record is believed of this node; null for a record that nobody signed. */
export function recordToVerify(nodeId: VerifyingKey, record: TransportRecord): SignedMessage | null {
  if (record.signature === null) return null
  return { verifyingKey: idBytes(nodeId), message: signatureInput(nodeId, record), signature: record.signature }
}

/** The bytes that a node signs: CBOR with sorted keys; the id within an iroh record is a list of numbers. */
export function signatureInput(nodeId: VerifyingKey, record: TransportRecord): Uint8Array {
  const entry = record.kind === 'iroh' ? irohEntry(nodeId, record.addresses) : [...record.addresses]
  return encodeCbor({
    timestamp: [record.timestamp.wallUs, record.timestamp.lamport],
    addresses: record.isListed ? [{ [NAME[record.kind]]: entry }] : [],
  })
}

/** As it travels; to be called with a signed record. */
export function writeRecord(writer: PostcardWriter, nodeId: VerifyingKey, record: TransportRecord): void {
  writer.u64(record.timestamp.wallUs).u64(record.timestamp.lamport)
  writer.bytes(record.signature ?? new Uint8Array(0))
  writer.varint(record.isListed ? 1 : 0)
  if (!record.isListed) return
  writer.varint(VARIANT[record.kind])
  if (record.kind === 'libp2p') {
    writer.varint(record.addresses.length)
    for (const address of record.addresses) writer.string(address)
    return
  }
  writer.fixed(idBytes(nodeId)).varint(record.addresses.length)
  for (const address of record.addresses) writeIrohAddress(writer, parseIrohAddress(address))
}

/**
 * Reads one record of the kind. What is well-formed and yet not to be taken comes back as a fault, so that the records
 * after it can be read.
 *
 * @throws `decoding-postcard`
 */
export function readRecord(
  reader: PostcardReader,
  nodeId: VerifyingKey,
  kind: TransportKind,
  limits: RecordLimits,
): ReadRecord {
  const timestamp = { wallUs: reader.u64(), lamport: reader.u64() }
  const signature = reader.bytes().slice()
  if (signature.length !== SIGNATURE_BYTES && signature.length !== 0) throw wrong('a signature has 64 bytes')
  const entries = reader.length()
  let fault: RecordFault | null = entries > 1 ? 'record-repeated' : null
  let addresses: readonly string[] = []
  for (let entry = 0; entry < entries; entry++) {
    if (reader.u32() !== VARIANT[kind]) throw wrong('a record is of another transport')
    if (kind === 'iroh' && bytesToHex(reader.fixed(KEY_BYTES)) !== nodeId) fault ??= 'record-foreign'
    const count = reader.length()
    if (count > limits.addressesPerRecord) fault ??= 'record-too-large'
    const read: string[] = []
    for (let at = 0; at < count; at++) {
      const address = kind === 'iroh' ? formatIrohAddress(readIrohAddress(reader)) : reader.string()
      if (address.length > limits.addressBytes) fault ??= 'record-too-large'
      if (fault === null) read.push(address)
    }
    addresses = read
  }
  if (kind === 'libp2p' && entries === 0) fault ??= 'record-unlisted'
  if (fault !== null) return { fault }
  return {
    record: {
      kind,
      timestamp,
      signature: signature.length === 0 ? null : signature,
      addresses: canonical(kind, addresses),
      isListed: entries > 0,
    },
  }
}

/** For the address book: as it travels; a record that nobody signed has an empty signature there. */
export function encodeRecord(nodeId: VerifyingKey, record: TransportRecord): Uint8Array {
  const writer = new PostcardWriter()
  writeRecord(writer, nodeId, record)
  return writer.finish()
}

/** The fewest bytes that a record takes in a message: two numbers, a signature and a count. */
export const MIN_RECORD_BYTES = 1 + 1 + 1 + SIGNATURE_BYTES + 1

function irohEntry(nodeId: VerifyingKey, addresses: readonly string[]): CborValue {
  const addrs = addresses.map((text): CborValue => {
    const address = parseIrohAddress(text)
    if (address.type === 'relay') return { Relay: address.url }
    const socket = [[...address.octets], address.port]
    return { Ip: address.octets.length === V4_BYTES ? { V4: socket } : { V6: socket } }
  })
  return { id: [...idBytes(nodeId)], addrs }
}

function writeIrohAddress(writer: PostcardWriter, address: IrohAddress): void {
  if (address.type === 'relay') writer.varint(RELAY).string(address.url)
  else {
    writer.varint(IP).varint(address.octets.length === V4_BYTES ? V4 : V6)
    writer.fixed(address.octets).varint(address.port)
  }
}

function readIrohAddress(reader: PostcardReader): IrohAddress {
  if (reader.variant(ADDRESS_VARIANTS) === RELAY) {
    const text = reader.string()
    try {
      return { type: 'relay', url: relayUrl(text) }
    } catch (cause) {
      throw wrong('a relay has no URL', cause)
    }
  }
  const octets = reader.fixed(reader.variant(IP_VARIANTS) === V4 ? V4_BYTES : V6_BYTES).slice()
  const port = reader.u32()
  if (port > MAX_PORT) throw wrong('a port exceeds 16 bits')
  return { type: 'ip', octets, port }
}

function canonical(kind: TransportKind, addresses: readonly string[]): readonly string[] {
  if (kind === 'iroh') return sortIrohAddresses(addresses.map(parseIrohAddress)).map(formatIrohAddress)
  const utf8 = new TextEncoder()
  return [...new Set(addresses)].sort((left, right) => compareBytes(utf8.encode(left), utf8.encode(right)))
}

function wrong(message: string, cause?: unknown): ThicketError {
  return new ThicketError('decoding-postcard', message, {}, cause === undefined ? undefined : { cause })
}
