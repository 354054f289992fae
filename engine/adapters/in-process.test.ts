/**
 * Goal: nodes of one process meet, talk and part as over any other transport, and keep nothing alive.
 * Method: the shared contract on a hub of its own, then what this transport alone promises.
 */

import { spawnSync } from 'node:child_process'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { connectionContract } from '../connection.contract.js'
import { isThicketError, type VerifyingKey } from '../core/index.js'
import type { Connection, TransportHost } from '../ports.js'
import { InProcessHub, inProcessTransport } from './in-process.js'

const ID_A = 'a1'.repeat(32) as VerifyingKey
const ID_B = 'b2'.repeat(32) as VerifyingKey
const NETWORK = new Uint8Array(32).fill(0xcd)

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('nothing happens')
    await turn()
  }
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 50; turns++) await turn()
}

connectionContract('in-process hub', () => {
  const hub = new InProcessHub()
  const a = inProcessTransport({ hub })
  const b = inProcessTransport({ hub })
  const close = async (): Promise<void> => {
    a.stop()
    b.stop()
    await settle()
  }
  return { a, b, idA: ID_A, idB: ID_B, networkId: NETWORK, until, settle, close }
})

interface Heard extends TransportHost {
  readonly found: VerifyingKey[]
  readonly lost: VerifyingKey[]
}

function host(id: VerifyingKey, networkId = NETWORK): Heard {
  const found: VerifyingKey[] = []
  const lost: VerifyingKey[] = []
  return {
    id,
    networkId,
    found,
    lost,
    peerFound: peer => found.push(peer),
    peerLost: peer => lost.push(peer),
    accept: connection => connection.close(0),
  }
}

describe('in-process transport', () => {
  it('finds both ways on one hub and network, and on no other', async () => {
    const hub = new InProcessHub()
    const hosts = [host(ID_A), host(ID_B), host(ID_B, new Uint8Array(32)), host(ID_B)] as const
    inProcessTransport({ hub }).start(hosts[0])
    inProcessTransport({ hub }).start(hosts[1])
    inProcessTransport({ hub }).start(hosts[2])
    inProcessTransport({ hub: new InProcessHub() }).start(hosts[3])
    await settle()
    expect(hosts.map(({ found }) => found)).toEqual([[ID_B], [ID_A], [], []])
  })

  it('shares the hub of the process when none is named', async () => {
    const a = inProcessTransport()
    const b = inProcessTransport()
    const hostA = host(ID_A)
    a.start(hostA)
    b.start(host(ID_B))
    await settle()
    expect(hostA.found).toEqual([ID_B])
    a.stop()
    b.stop()
  })

  it('without discovery meets only whom it is told of, also when that one comes later', async () => {
    const hub = new InProcessHub()
    const a = inProcessTransport({ hub, discover: false })
    const b = inProcessTransport({ hub, discover: false })
    const hostA = host(ID_A)
    const hostB = host(ID_B)
    a.start(hostA)
    a.connect(`memory:cdcdcdcd/${ID_B}`)
    await settle()
    expect(hostA.found).toEqual([])
    b.start(hostB)
    expect(b.addresses()).toEqual([`memory:cdcdcdcd/${ID_B}`])
    await settle()
    expect([hostA.found, hostB.found]).toEqual([[ID_B], []])
  })

  it('refuses an address of another network', () => {
    const a = inProcessTransport({ hub: new InProcessHub() })
    a.start(host(ID_A))
    let refusal: unknown
    try {
      a.connect(`memory:00000000/${ID_B}`)
    } catch (error) {
      refusal = error
    }
    expect(isThicketError(refusal, 'address-invalid')).toBe(true)
  })

  it('refuses a second node with the same key', () => {
    const hub = new InProcessHub()
    inProcessTransport({ hub }).start(host(ID_A))
    expect(() => inProcessTransport({ hub }).start(host(ID_A))).toThrow(/runs in this process already/)
  })

  it('tells of a peer that has stopped, and lets its successor in', async () => {
    const hub = new InProcessHub()
    const hostB = host(ID_B)
    const a = inProcessTransport({ hub })
    a.start(host(ID_A))
    inProcessTransport({ hub }).start(hostB)
    await settle()
    a.stop()
    await settle()
    inProcessTransport({ hub }).start(host(ID_A))
    await settle()
    expect([hostB.found, hostB.lost]).toEqual([[ID_A, ID_A], [ID_A]])
  })

  it('loses nothing that others had to deliver when one handler throws', async () => {
    const hub = new InProcessHub()
    const outcomes: (Connection | null)[] = []
    const thrown: unknown[] = []
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', error => thrown.push(error))
    const a = inProcessTransport({ hub })
    a.start(host(ID_A))
    a.dial(ID_B, 'x', () => {
      throw new Error('on purpose')
    })
    a.dial(ID_B, 'x', connection => outcomes.push(connection))
    await settle()
    for (const listener of before) process.on('uncaughtException', listener)
    expect([outcomes, thrown.length]).toEqual([[null], 1])
  })

  it('keeps no process alive by itself', () => {
    const script = `
      import { inProcessTransport } from './engine/adapters/in-process.ts'
      const host = id => ({ id, networkId: new Uint8Array(32), peerFound() {}, peerLost() {}, accept() {} })
      inProcessTransport().start(host('a1'.repeat(32)))
      inProcessTransport().start(host('b2'.repeat(32)))`
    const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      timeout: 20_000,
      encoding: 'utf8',
    })
    expect([ran.status, ran.signal, ran.stderr]).toEqual([0, null, ''])
  })
})
