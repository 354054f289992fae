/**
 * Protocols as QUIC names them. p2panda's are 32 bytes whose hex our own names carry; what is named in another way is
 * offered as the text that it is.
 */

import { bytesToHex, hexToBytes, invariant } from '../../core/index.js'
import { MAX_ALPN_BYTES } from './limits.js'

const HASHED = /^\/p2panda\/([0-9a-f]{64})$/

export function alpnOf(protocol: string): Uint8Array {
  const hex = HASHED.exec(protocol)?.[1]
  const alpn = hex === undefined ? new TextEncoder().encode(protocol) : hexToBytes(hex)
  invariant(alpn.length > 0 && alpn.length <= MAX_ALPN_BYTES, 'the name of a protocol fits an ALPN')
  return alpn
}

/** The protocols by what QUIC says of a connection. */
export class Protocols {
  readonly #names = new Map<string, string>()

  constructor(protocols: readonly string[]) {
    for (const protocol of protocols) this.#names.set(bytesToHex(alpnOf(protocol)), protocol)
  }

  nameOf(alpn: readonly number[]): string | null {
    return this.#names.get(bytesToHex(Uint8Array.from(alpn))) ?? null
  }
}
