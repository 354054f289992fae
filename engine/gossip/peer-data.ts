/**
 * What nodes on iroh say of their addresses within the overlay: a relay, if any, and direct addresses, in postcard
 * (spec/sync.md 3.6). Addresses are texts here: `relay:<url>`, `1.2.3.4:5`, `[2001:db8::1]:5`. Nobody has signed them, so
 * they are a hint for a dial, whose handshake then proves who is there, and never a record.
 */

import { compareBytes, PostcardReader, PostcardWriter, ThicketError } from '../core/index.js'

const RELAY = 'relay:'
/** Direct addresses of one node: with more the bytes would exceed what is passed on. */
const MAX_ADDRESSES = 40
const V4_BYTES = 4
const V6_BYTES = 16
const MAX_PORT = 0xffff

interface SocketAddress {
  readonly ip: Uint8Array
  readonly port: number
}

/** @throws `peer-data-invalid` for a text that is no address */
export function encodePeerData(addresses: readonly string[]): Uint8Array {
  const relay = addresses.find(address => address.startsWith(RELAY))?.slice(RELAY.length) ?? null
  const direct = addresses
    .filter(address => !address.startsWith(RELAY))
    .map(parse)
    .sort(order)
  const unique = direct.filter((address, at) => at === 0 || order(direct[at - 1]!, address) !== 0)
  const told = unique.slice(0, MAX_ADDRESSES)
  const writer = new PostcardWriter().option(relay, (target, url) => target.string(url)).varint(told.length)
  for (const { ip, port } of told)
    writer
      .varint(ip.length === V4_BYTES ? 0 : 1)
      .fixed(ip)
      .varint(port)
  return writer.finish()
}

/** @throws `peer-data-invalid`, and what postcard throws */
export function decodePeerData(bytes: Uint8Array): readonly string[] {
  if (bytes.length === 0) return []
  const reader = new PostcardReader(bytes)
  const relay = reader.option(source => source.string())
  const addresses = relay === null ? [] : [RELAY + relay]
  for (let left = reader.length(1 + V4_BYTES + 1); left > 0; left--) {
    const ip = reader.fixed(reader.variant(2) === 0 ? V4_BYTES : V6_BYTES)
    const port = reader.u32()
    if (port > MAX_PORT) throw invalid(`${port}`)
    addresses.push(`${ip.length === V4_BYTES ? ip.join('.') : `[${formatV6(ip)}]`}:${port}`)
  }
  return addresses
}

function order(left: SocketAddress, right: SocketAddress): number {
  return left.ip.length - right.ip.length || compareBytes(left.ip, right.ip) || left.port - right.port
}

function parse(text: string): SocketAddress {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(parts?.[3])
  if (!parts || port > MAX_PORT) throw invalid(text)
  return { ip: parts[1] === undefined ? parseV4(parts[2]!, text) : parseV6(parts[1], text), port }
}

function parseV4(host: string, text: string): Uint8Array {
  const numbers = host.split('.')
  if (
    numbers.length !== V4_BYTES ||
    !numbers.every(number => /^(?:0|[1-9][0-9]{0,2})$/.test(number) && +number < 256)
  ) {
    throw invalid(text)
  }
  return Uint8Array.from(numbers, Number)
}

function parseV6(host: string, text: string): Uint8Array {
  // The last 32 bits may be written as a v4 address.
  const dotted = /^(.*:)([0-9.]+\.[0-9.]+)$/.exec(host)
  const v4 = dotted ? parseV4(dotted[2]!, text) : null
  const hex = (at: number) => ((v4![at]! << 8) | v4![at + 1]!).toString(16)
  const plain = dotted ? `${dotted[1]}${hex(0)}:${hex(2)}` : host
  const halves = plain.split('::')
  const groups = halves.map(half => (half === '' ? [] : half.split(':')))
  const given = groups.flat()
  const isWhole = halves.length === 1 ? given.length === 8 : halves.length === 2 && given.length < 8
  if (!isWhole || !given.every(group => /^[0-9a-fA-F]{1,4}$/.test(group))) throw invalid(text)
  const filled = [...groups[0]!, ...Array<string>(8 - given.length).fill('0'), ...(groups[1] ?? [])]
  return Uint8Array.from(filled.flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]))
}

/** As RFC 5952 has it: lower case, no leading zeros, the first longest run of two zero groups or more left out. */
function formatV6(ip: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) => ((ip[at * 2]! << 8) | ip[at * 2 + 1]!).toString(16))
  let [start, length] = [0, 1]
  for (let at = 0; at < 8; at++) {
    let run = 0
    while (groups[at + run] === '0') run++
    if (run > length) [start, length] = [at, run]
  }
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

function invalid(text: string): ThicketError {
  return new ThicketError('peer-data-invalid', 'this is no address that the overlay can tell', { got: text })
}
