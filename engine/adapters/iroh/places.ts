/** Where an iroh node is: `192.0.2.1:4001`, `[2001:db8::1]:4001`, a host name with a port, or `relay:<url>`. */

import { lookup } from 'node:dns/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { isHostAndPort } from '../addresses.js'

const RELAY = 'relay:'
/** Longer addresses of relays are not for use. */
const MAX_RELAY_CHARACTERS = 512

/** What the library dials: addresses of sockets, and at most one relay. */
export interface DialTargets {
  readonly addresses: readonly string[]
  readonly relay: string | null
}

export function isPlace(place: string): boolean {
  return relayOf(place) !== null || isHostAndPort(place)
}

/** Whether a node can bind to it: an address of this machine with any port, or 0 for a free one. */
export function isBindPlace(place: string): boolean {
  const { host, port } = splitPlace(place)
  return (
    (isIPv4(host) || isIPv6(host)) && !host.includes('%') && /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535
  )
}

export function isV6Place(place: string): boolean {
  return place.startsWith('[')
}

/** The relay's address, normalised, or null where the text is none. */
export function relayOf(place: string): string | null {
  if (!place.startsWith(RELAY) || place.length > MAX_RELAY_CHARACTERS) return null
  try {
    const url = new URL(place.slice(RELAY.length))
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null
  } catch {
    return null
  }
}

export function relayPlace(url: string): string {
  return RELAY + url
}

/** Looks up host names; what cannot be found is left out. */
export async function dialTargets(places: readonly string[]): Promise<DialTargets> {
  const addresses = new Set<string>()
  let relay: string | null = null
  for (const place of places) {
    const url = relayOf(place)
    if (url !== null) relay ??= url
    else for (const address of await socketAddresses(place)) addresses.add(address)
  }
  return { addresses: [...addresses], relay }
}

async function socketAddresses(place: string): Promise<readonly string[]> {
  const { host, port } = splitPlace(place)
  if (isIPv4(host) || isIPv6(host)) return [place]
  try {
    const found = await lookup(host, { all: true })
    return found.map(({ address, family }) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`))
  } catch {
    return []
  }
}

function splitPlace(place: string): { readonly host: string; readonly port: string } {
  const [, bracketed, bare, port] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d+)$/.exec(place) ?? []
  // A v4 address in brackets or a v6 address without them is neither.
  const host = bracketed !== undefined && isIPv6(bracketed) ? bracketed : (bare ?? '')
  return { host, port: port ?? '' }
}
