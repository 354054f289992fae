/** What the true world gives a node that says nothing of its own. One crypto pool serves all nodes of the process. */

import { hash } from '../core/index.js'
import type { NodeDefaults } from '../node/index.js'
import type { Crypto } from '../ports.js'
import { openBetterSqlite } from './better-sqlite.js'
import { libp2pTransport } from './libp2p/index.js'
import { nativeCrypto } from './native-crypto.js'
import { systemClock } from './system-clock.js'
import { systemRandom } from './system-random.js'

let crypto: Crypto | null = null

/** The process's native crypto, made when it is first needed. */
export function sharedCrypto(): Crypto {
  crypto ??= nativeCrypto()
  return crypto
}

export function nodeDefaults(): NodeDefaults {
  return {
    crypto: sharedCrypto(),
    clock: systemClock(),
    random: systemRandom(),
    // p2panda's own default network (spec/node.md 6.1).
    networkId: hash(new TextEncoder().encode('p2panda')),
    openDatabase: path => openBetterSqlite(path),
    openTransport: ({ mdns, listen }) => libp2pTransport({ mdns, ...(listen.length === 0 ? {} : { listen }) }),
  }
}
