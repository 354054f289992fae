/** The native library, loaded when a node is to speak iroh and never before: many nodes do without it. */

import type iroh from '@number0/iroh/index.js'
import { ThicketError } from '../../core/index.js'

export type Binding = typeof iroh
export type Endpoint = iroh.Endpoint
export type Incoming = iroh.Incoming
export type QuicConnection = iroh.Connection
export type BiStream = iroh.BiStream
export type SendStream = iroh.SendStream
export type RecvStream = iroh.RecvStream

/** @throws `iroh-unavailable` where the optional dependency was not installed or has no binary for this machine */
export async function loadBinding(): Promise<Binding> {
  try {
    const module: { readonly default: Binding } = await import('@number0/iroh/index.js')
    return module.default
  } catch (cause) {
    throw new ThicketError(
      'iroh-unavailable',
      'iroh needs the optional package @number0/iroh, which is not installed or has no binary for this machine',
      { platform: process.platform, arch: process.arch },
      { cause },
    )
  }
}
