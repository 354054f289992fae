/**
 * Goal: who is refused is nowhere: not found, not dialled, not let in, and what ran with it is over; and all of that ends
 * with the refusal. Method: the connection contract while nobody is refused; three nodes on a hub of one process.
 */

import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport } from '../../engine/adapters/index.js'
import { connectionContract } from '../../engine/connection.contract.js'
import type { VerifyingKey } from '../../engine/core/index.js'
import type { Connection, Transport, TransportHost } from '../../engine/ports.js'
import { RefusingTransport } from './refusing-transport.js'

const [A, B, C] = ['a1', 'b2', 'c3'].map(byte => byte.repeat(32)) as [VerifyingKey, VerifyingKey, VerifyingKey]
const NETWORK = new Uint8Array(32).fill(7)

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('nothing happens')
    await turn()
  }
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn()
}

connectionContract('a transport that refuses nobody', () => {
  const hub = new InProcessHub()
  const a = new RefusingTransport(inProcessTransport({ hub }), false)
  const b = inProcessTransport({ hub })
  const close = async (): Promise<void> => {
    a.stop()
    b.stop()
    await settle()
  }
  return { a, b, idA: A, idB: B, networkId: NETWORK, until, settle, close }
})

class Node implements TransportHost {
  readonly id: VerifyingKey
  readonly networkId = NETWORK
  readonly log: string[] = []
  readonly connections: Connection[] = []
  readonly transport: Transport
  readonly addressed = {
    seed: new Uint8Array(32),
    protocols: ['p'],
    mayConnect: () => true,
    addressesChanged() {},
  }

  constructor(id: VerifyingKey, transport: Transport) {
    this.id = id
    this.transport = transport
    transport.start(this)
  }

  peerFound(peer: VerifyingKey): void {
    this.log.push(`found ${peer[0]}`)
  }

  peerLost(peer: VerifyingKey): void {
    this.log.push(`lost ${peer[0]}`)
  }

  accept(connection: Connection): void {
    this.log.push(`accepted ${connection.remote[0]}`)
    this.#keep(connection)
  }

  dial(peer: VerifyingKey): void {
    this.transport.dial(peer, 'p', connection => {
      this.log.push(connection === null ? 'failed' : `dialled ${peer[0]}`)
      if (connection !== null) this.#keep(connection)
    })
  }

  /** What it heard since the last look, in words that are sorted: who finds whom first is chance. */
  async heard(): Promise<string[]> {
    await settle()
    return this.log.splice(0).sort()
  }

  #keep(connection: Connection): void {
    this.connections.push(connection)
    connection.onClose(code => this.log.push(`closed ${code}`))
  }
}

function three() {
  const hub = new InProcessHub()
  const refusing = new RefusingTransport(inProcessTransport({ hub }), false)
  const a = new Node(A, refusing)
  const b = new Node(B, inProcessTransport({ hub }))
  const c = new Node(C, inProcessTransport({ hub }))
  return { refusing, a, b, c }
}

describe('a refusal', () => {
  it('ends what runs with those refused, and nothing else', async () => {
    const { refusing, a, b, c } = three()
    await settle()
    a.dial(B)
    a.dial(C)
    b.dial(A)
    await settle()
    for (const node of [a, b, c]) node.log.length = 0
    refusing.refuse([B])
    expect(await a.heard()).toEqual(['closed 0', 'closed 0', 'lost b'])
    expect(await b.heard()).toEqual(['closed 0', 'closed 0'])
    expect(await c.heard()).toEqual([])
    refusing.refuse([B])
    expect(await a.heard()).toEqual([])
  })

  it('keeps those refused from being dialled and from getting in, until it ends', async () => {
    const { refusing, a, b } = three()
    await settle()
    refusing.refuse([B])
    expect(await a.heard()).toEqual(['found b', 'found c', 'lost b'])
    a.dial(B)
    a.dial(C)
    b.dial(A)
    expect(await a.heard()).toEqual(['dialled c', 'failed'])
    expect((await b.heard()).filter(line => !line.startsWith('found'))).toEqual(['closed 0', 'dialled a'])
    refusing.refuse([])
    expect(await a.heard()).toEqual(['found b'])
    a.dial(B)
    expect(await a.heard()).toEqual(['dialled b'])
  })

  it('holds for those who are found later, and for dials that are under way', async () => {
    const { refusing, a } = three()
    refusing.refuse([B])
    expect(await a.heard()).toEqual(['found c'])
    a.dial(C)
    refusing.refuse([C])
    expect(await a.heard()).toEqual(['failed', 'found b', 'lost c'])
  })

  it('leaves it open whether the node sees addresses', () => {
    const addressing = { kind: 'libp2p', own: () => [], learn() {} } as const
    const inner: Transport = { ...inProcessTransport({ hub: new InProcessHub() }), addressing }
    expect(new RefusingTransport(inner, true).addressing).toBe(addressing)
    expect(new RefusingTransport(inner, false).addressing).toBeUndefined()
  })

  it('is asked by the transport beneath as well', () => {
    let asked: ((peer: VerifyingKey) => boolean) | undefined
    const silent: Transport = {
      start: ({ addressed }) => {
        asked = addressed?.mayConnect
      },
      addresses: () => [],
      dial() {},
      connect() {},
      stop() {},
    }
    const refusing = new RefusingTransport(silent, false)
    new Node(A, refusing)
    refusing.refuse([B])
    expect([asked?.(B), asked?.(C)]).toEqual([false, true])
  })
})
