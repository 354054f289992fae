/**
 * Addresses of iroh as text and as p2panda's records hold them: `relay:<url>`, `<ipv4>:<port>`, `[<ipv6>]:<port>`.
 *
 * A record's signature covers its addresses in one order: relays by their URL, then IPv4, then IPv6, each by octets and
 * port. Anything that the released crates add beside these (custom transports) is not known here.
 */

import { bytesToHex, compareBytes, ThicketError } from '../core/index.js'

export type IrohAddress =
  | { readonly type: 'relay'; readonly url: string }
  | { readonly type: 'ip'; readonly octets: Uint8Array; readonly port: number }

const MAX_PORT = 65_535
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d{1,5})$/
const IPV6 = /^(\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/
const RELAY = 'relay:'

/** @throws `address-invalid` */
export function parseIrohAddress(text: string): IrohAddress {
  if (text.startsWith(RELAY)) return { type: 'relay', url: relayUrl(text.slice(RELAY.length)) }
  const v4 = IPV4.exec(text)
  if (v4) {
    const parts = v4.slice(1).map(Number)
    const octets = parts.slice(0, 4)
    if (octets.every(octet => octet <= 255)) return ip(Uint8Array.from(octets), parts[4]!, text)
  }
  const v6 = IPV6.exec(text)
  if (v6) return ip(octetsOf(v6[1]!), Number(v6[2]), text)
  throw invalid(text)
}

export function formatIrohAddress(address: IrohAddress): string {
  if (address.type === 'relay') return `${RELAY}${address.url}`
  const { octets, port } = address
  if (octets.length === 4) return `${octets.join('.')}:${port}`
  const groups = bytesToHex(octets).match(/.{4}/g)!.join(':')
  // The URL parser of the platform knows the one short way to write an address of version 6.
  return `${new URL(`http://[${groups}]`).hostname}:${port}`
}

/** In the order that is signed, each once. */
export function sortIrohAddresses(addresses: readonly IrohAddress[]): readonly IrohAddress[] {
  const sorted = [...addresses].sort(compareIrohAddresses)
  return sorted.filter((address, at) => at === 0 || compareIrohAddresses(sorted[at - 1]!, address) !== 0)
}

/** The one spelling under which a relay is stored and signed; throws `address-invalid`. */
export function relayUrl(text: string): string {
  try {
    return new URL(text).href
  } catch {
    throw invalid(`${RELAY}${text}`)
  }
}

function compareIrohAddresses(left: IrohAddress, right: IrohAddress): number {
  if (left.type === 'relay' || right.type === 'relay') {
    if (left.type !== right.type) return left.type === 'relay' ? -1 : 1
    const utf8 = new TextEncoder()
    return compareBytes(utf8.encode((left as { url: string }).url), utf8.encode((right as { url: string }).url))
  }
  if (left.octets.length !== right.octets.length) return left.octets.length - right.octets.length
  return compareBytes(left.octets, right.octets) || left.port - right.port
}

function ip(octets: Uint8Array, port: number, text: string): IrohAddress {
  if (port > MAX_PORT) throw invalid(text)
  return { type: 'ip', octets, port }
}

/** The 16 octets of an address of version 6 in brackets. */
function octetsOf(bracketed: string): Uint8Array {
  let short: string
  try {
    short = new URL(`http://${bracketed}`).hostname.slice(1, -1)
  } catch {
    throw invalid(bracketed)
  }
  const [head = '', tail] = short.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after]
  return Uint8Array.from(groups.flatMap(group => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 0xff]))
}

function invalid(text: string): ThicketError {
  return new ThicketError('address-invalid', 'an address of iroh reads relay:<url>, <ipv4>:<port> or [<ipv6>]:<port>', {
    got: text,
  })
}
