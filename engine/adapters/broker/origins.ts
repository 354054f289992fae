/**
 * Which pages may speak to the broker. A browser says with each request where its page came from (`Origin`) and by what
 * name it reached us (`Host`). A page of elsewhere is refused, and so is a foreign name that somebody made point to this
 * machine: DNS rebinding turns a page of theirs into one of ours, as far as the browser can tell. An address written in
 * numbers cannot be rebound.
 */

import { isIP } from 'node:net'
import { ThicketError } from '../../core/index.js'

export interface OriginRules {
  isHostAllowed(host: string | undefined): boolean
  /** `host` is the one that was asked for; no origin means no browser, or a page of our own that only reads. */
  isOriginAllowed(origin: string | undefined, host: string | undefined): boolean
  /** Whether a page of this origin may read our answers though it is not ours. */
  isForeign(origin: string): boolean
}

/** @throws `invalid-setting` for an origin that is none */
export function createOriginRules(allowedOrigins: readonly string[], allowedHosts: readonly string[]): OriginRules {
  const origins = new Set(allowedOrigins.map(normalOrigin))
  const names = new Set(['localhost', ...allowedHosts.map(host => host.toLowerCase())])
  return {
    isHostAllowed(host) {
      const name = hostName(host)
      return name !== null && (isIP(name) !== 0 || names.has(name))
    },
    isOriginAllowed(origin, host) {
      if (origin === undefined) return true
      return origins.has(origin) || origin === `http://${host}` || origin === `https://${host}`
    },
    isForeign: origin => origins.has(origin),
  }
}

function normalOrigin(text: string): string {
  try {
    const { origin } = new URL(text)
    if (origin !== 'null') return origin
  } catch {
    // What is no address at all is refused below.
  }
  throw new ThicketError('invalid-setting', 'an allowed origin reads like https://example.org:8443', { got: text })
}

/** Without the port and the brackets of IPv6; null for what is no host. */
function hostName(host: string | undefined): string | null {
  if (host === undefined) return null
  try {
    const { hostname, username, pathname } = new URL(`http://${host}`)
    if (username !== '' || pathname !== '/') return null
    return hostname.replace(/^\[|\]$/g, '').toLowerCase()
  } catch {
    return null
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}
