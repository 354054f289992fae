/**
 * Goal: on the local network, active nodes of one network are found, passive ones find and are not found, disabled ones
 * neither; another network does not exist.
 * Method: real mDNS where this machine carries multicast to itself, each test in a network of its own; a loud skip
 * elsewhere.
 */

import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { afterEach, describe, expect, it } from 'vitest'
import { SigningKey } from '../../core/index.js'
import type { Libp2pOptions } from './index.js'
import { serviceTag } from './local-discovery.js'
import { Meeting, settle, until } from './nodes.contract.js'

const GROUP = '224.0.0.251'
const PROBE_MS = 2000

/** Whether a datagram to the group of mDNS comes back to this machine. */
function probeMulticast(): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const finish = (works: boolean): void => {
      clearTimeout(timer)
      socket.close()
      resolve(works)
    }
    const timer = setTimeout(() => finish(false), PROBE_MS)
    socket.on('error', () => finish(false))
    socket.on('message', () => finish(true))
    socket.bind(0, () => {
      try {
        socket.addMembership(GROUP)
        socket.send('probe', socket.address().port, GROUP)
      } catch {
        finish(false)
      }
    })
  })
}

const hasMulticast = await probeMulticast()
if (!hasMulticast) console.warn('SKIPPED: this machine does not carry multicast to itself, so mDNS is not tested here')

const open: Meeting[] = []

async function start(mdns: Libp2pOptions['mdns'], networkId: Uint8Array): Promise<Meeting> {
  const node = new Meeting(SigningKey.fromBytes(randomBytes(32)), { mdns }, {}, networkId)
  open.push(node)
  await node.transport.ready()
  return node
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ transport }) => transport.close()))
})

function local({ id }: Meeting): string {
  return `${id.slice(0, 8)} local`
}

describe.skipIf(!hasMulticast)('discovery on the local network', () => {
  it('finds an active node, and can dial it', async () => {
    const network = randomBytes(32)
    const first = await start('active', network)
    const second = await start('active', network)
    await until(() => second.found.includes(local(first)))
    expect((await second.dial(first.id))?.remote).toBe(first.id)
    await until(() => first.found.length > 0)
  })

  it('lets a passive node find and not be found', async () => {
    const network = randomBytes(32)
    const active = await start('active', network)
    const passive = await start('passive', network)
    await until(() => passive.found.includes(local(active)))
    // Whoever begins asks at once, and all answer that do.
    const third = await start('active', network)
    await until(() => third.found.includes(local(active)))
    await settle()
    expect([third.found, active.found.includes(local(passive))]).toEqual([[local(active)], false])
  })

  it('leaves a disabled node and another network alone', async () => {
    const network = randomBytes(32)
    const active = await start('active', network)
    const disabled = await start('disabled', network)
    const stranger = await start('active', randomBytes(32))
    const witness = await start('active', network)
    await until(() => witness.found.includes(local(active)))
    await settle()
    expect([disabled.found, stranger.found, witness.found]).toEqual([[], [], [local(active)]])
  })

  it('loses a node that is not there any more when it cannot be dialled', async () => {
    const network = randomBytes(32)
    const gone = await start('active', network)
    const seeker = await start('passive', network)
    await until(() => seeker.found.includes(local(gone)))
    await gone.transport.close()
    expect(await seeker.dial(gone.id)).toBeNull()
    await until(() => seeker.lost.includes(gone.id))
  })
})

describe('the name of the service', () => {
  it('is of the network, hides its id, and is short enough for DNS', () => {
    const tag = serviceTag(new Uint8Array(32).fill(0xcd))
    expect(tag).toMatch(/^_t[0-9a-f]{13}\._udp\.local$/)
    expect(tag).not.toContain('cdcd')
    expect(serviceTag(new Uint8Array(32))).not.toBe(tag)
  })
})
