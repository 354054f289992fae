/**
 * The two notations of addresses that people type and nodes print: `/ip4/192.0.2.1/tcp/4001/p2p/<peer id>` for libp2p,
 * `iroh:<node id>@host:port` for iroh. Both end or begin with who is to be met there, and are refused without.
 */

import { isIPv4, isIPv6 } from 'node:net'
import { ThicketError, type VerifyingKey } from '../core/index.js'
import { keyOfHex } from './addressed/key-of-hex.js'
import { keyOfPeerId, peerIdText } from './libp2p/peer-id.js'

export interface PeerAddress {
  readonly kind: 'libp2p' | 'iroh'
  readonly peer: VerifyingKey
  /** Where the peer is, without its id: `/ip4/192.0.2.1/tcp/4001`, or `192.0.2.1:4001`. */
  readonly place: string
}

/** Longer host names there are not (RFC 1035 2.3.4). */
const MAX_HOST_CHARACTERS = 253
const HOST_NAME = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*\.?$/i
/** Without leading zeros, so that one place has one text. */
const PORT = /^(0|[1-9]\d{0,4})$/

/** @throws `address-invalid` */
export function parseAddress(address: string): PeerAddress {
  if (address.startsWith('iroh:')) return parseIroh(address)
  if (address.startsWith('/')) return parseLibp2p(address)
  throw invalid(address, 'an address is a multiaddr that ends in /p2p/<peer id>, or iroh:<node id>@host:port')
}

export function formatAddress({ kind, peer, place }: PeerAddress): string {
  return kind === 'iroh' ? `iroh:${peer}@${place}` : `${place}/p2p/${peerIdText(peer)}`
}

/** Whether the text is a place that libp2p over TCP can dial: a multiaddr of a host and a port, without an id. */
export function isTcpPlace(place: string): boolean {
  return isTcp(place) && !place.endsWith('/0')
}

/** Whether the text is a multiaddr that libp2p can listen on: of an address of this machine, with any port or 0. */
export function isListenPlace(place: string): boolean {
  return isTcp(place) && place.startsWith('/ip')
}

/** Whether the text is `host:port`, with an IPv6 address in brackets. */
export function isHostAndPort(place: string): boolean {
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d*)$/.exec(place) ?? []
  if (!isPort(port) || port === '0') return false
  if (bracketed !== undefined) return isIPv6(bracketed) && !bracketed.includes('%')
  return bare !== undefined && (isIPv4(bare) || isHostName(bare))
}

function parseLibp2p(address: string): PeerAddress {
  const at = address.lastIndexOf('/p2p/')
  if (at < 0) throw invalid(address, 'a libp2p address ends in /p2p/<peer id>')
  const peer = keyOfPeerId(address.slice(at + '/p2p/'.length))
  if (peer === null) throw invalid(address, 'what follows /p2p/ is not the peer id of an Ed25519 key')
  const place = address.slice(0, at)
  if (!isTcpPlace(place)) throw invalid(address, 'a libp2p address reads /ip4|ip6|dns/<host>/tcp/<port>/p2p/<peer id>')
  return { kind: 'libp2p', peer, place }
}

function parseIroh(address: string): PeerAddress {
  const [, id, place] = /^iroh:([0-9a-f]{64})@(.+)$/i.exec(address) ?? []
  if (id === undefined || place === undefined || !isHostAndPort(place)) {
    throw invalid(address, 'an iroh address reads iroh:<node id in hex>@host:port')
  }
  const peer = keyOfHex(id)
  if (peer === null) throw invalid(address, 'the node id is not an Ed25519 key')
  return { kind: 'iroh', peer, place }
}

function isTcp(place: string): boolean {
  const [empty, family, host, tcp, port, ...rest] = place.split('/')
  return empty === '' && tcp === 'tcp' && rest.length === 0 && isHost(family, host) && isPort(port)
}

function isHost(family: string | undefined, host = ''): boolean {
  if (family === 'ip4') return isIPv4(host)
  if (family === 'ip6') return isIPv6(host) && !host.includes('%')
  return (family === 'dns' || family === 'dns4' || family === 'dns6') && isHostName(host)
}

function isHostName(host: string): boolean {
  return host.length <= MAX_HOST_CHARACTERS && HOST_NAME.test(host)
}

function isPort(port = ''): boolean {
  return PORT.test(port) && Number(port) <= 65_535
}

function invalid(address: string, why: string): ThicketError {
  return new ThicketError('address-invalid', why, { got: address })
}
