/**
 * Goal: rules of access hold at every door, can change while the node runs, and a topic that is denied looks from
 * outside exactly as one that is unknown.
 * Method: nodes as an app has them at one hub of the process; for what a stranger sees, the bytes and closes of raw
 * connections side by side.
 */

import { afterEach, describe, expect, it } from 'vitest'
import { InProcessHub, inProcessTransport, nodeDefaults } from '../adapters/index.js'
import {
  bytesToHex,
  concatBytes,
  encodeFrame,
  hash,
  hexToBytes,
  isThicketError,
  SigningKey,
  Topic,
} from '../core/index.js'
import type { Connection } from '../ports.js'
import { protocolId } from '../sync/index.js'
import { type AccessRules, type Node, NodeBuilder } from './index.js'

const NETWORK = hash(new TextEncoder().encode('access'))
const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(1))
/** Largest id first: a stranger of the smallest begins sessions, and no dial of the others stands against his. */
const KEYS = [1, 2, 3, 4]
  .map(fill => SigningKey.fromBytes(new Uint8Array(32).fill(fill)))
  .sort((left, right) => (left.verifyingKey > right.verifyingKey ? -1 : 1))
const BEN = KEYS[1]!.verifyingKey
const CAM = KEYS[2]!.verifyingKey

const closings: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

interface Member {
  readonly node: Node
  readonly messages: string[]
  publish(message: string): Promise<unknown>
}

async function member(hub: InProcessHub, index: number, rules: AccessRules = {}): Promise<Member> {
  const node = await new NodeBuilder(nodeDefaults())
    .signingKey(KEYS[index]!)
    .networkId(NETWORK)
    .transport(inProcessTransport({ hub }))
    .access(rules)
    .spawn()
  const [tx, rx] = await node.stream<string>(TOPIC)
  const messages: string[] = []
  const reading = (async () => {
    for await (const event of rx) if (event.type === 'processed') messages.push(event.operation.message)
  })()
  closings.push(async () => {
    await rx.close()
    await reading
    await node.close()
  })
  return { node, messages, publish: message => tx.publish(message) }
}

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 3000; turn++) {
    if (condition()) return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('what should have happened did not')
}

describe('whom a node talks to', () => {
  it.each<[string, AccessRules]>([
    ['a list of nodes that are denied', { deny: [BEN] }],
    ['a list of nodes that are allowed', { allow: [CAM] }],
    ['denial before allowance', { allow: [BEN, CAM], deny: [BEN] }],
    ['a function', { mayConnect: peer => peer !== BEN }],
    [
      'a function that gives no plain answer',
      { mayConnect: peer => (peer === CAM || Promise.resolve(true)) as boolean },
    ],
  ])('%s', async (_, rules) => {
    const hub = new InProcessHub()
    const ann = await member(hub, 0, rules)
    await ann.publish('for some')
    // Ben meets Cam too, who passes nothing on here, since he denies Ben as well.
    const cam = await member(hub, 2, { deny: [BEN] })
    const ben = await member(hub, 1)
    await ben.publish('let me in')
    await until(() => cam.messages.includes('for some'))
    await until(() => ben.messages.includes('let me in'))
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(ben.messages).toEqual(['let me in'])
    expect(ann.messages).toEqual(['for some'])
    expect(ben.node.metrics().sync.sessions).toBe(0)
  })

  it('refuses rules that cannot be meant', () => {
    const build = new NodeBuilder(nodeDefaults())
    const code = (rules: unknown) => {
      try {
        build.access(rules as AccessRules)
      } catch (error) {
        return isThicketError(error) && error.code
      }
      return 'accepted'
    }
    expect(code({ allow: 'everybody' })).toBe('invalid-setting')
    expect(code({ deny: ['not a key'] })).toMatch(/^invalid/)
    expect(code({ mayServe: true })).toBe('invalid-setting')
  })
})

describe('what a node serves', () => {
  it('a log to some and not to others', async () => {
    const hub = new InProcessHub()
    const ann = await member(hub, 0, { mayServe: (peer, _, log) => peer !== BEN || log === null || log.author !== CAM })
    const cam = await member(hub, 2, { deny: [BEN] })
    await cam.publish('between us')
    await until(() => ann.messages.includes('between us'))
    await ann.publish('for all')
    const ben = await member(hub, 1)
    await until(() => ben.messages.includes('for all') || ben.node.metrics().waiting > 0)
    await cam.publish('live, between us')
    await until(() => ann.messages.includes('live, between us'))
    await ben.publish('hello')
    await until(() => ann.messages.includes('hello'))
    expect(ben.messages).not.toContain('between us')
    expect(ben.messages).not.toContain('live, between us')
  })

  it('hears a rule that changes at the next session', async () => {
    const hub = new InProcessHub()
    let isOpen = false
    const ann = await member(hub, 0, { mayServe: () => isOpen })
    await ann.publish('later')
    const ben = await member(hub, 1)
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(ben.messages).toEqual([])
    isOpen = true
    await until(() => ben.messages.includes('later'))
  })

  it('a denied topic looks from outside as an unknown one', async () => {
    const unknown = Topic.fromBytes(new Uint8Array(32).fill(9))
    const ask = async (rules: AccessRules, topic: Topic): Promise<readonly string[]> => {
      const hub = new InProcessHub()
      const ann = await member(hub, 0, rules)
      await ann.publish('secret')
      return knock(hub, ann.node, topic)
    }
    const denied = await ask({ mayServe: () => false }, TOPIC)
    expect(denied).toEqual(await ask({}, unknown))
    expect(denied).not.toEqual(await ask({}, TOPIC))
  })
})

/** All that a stranger hears who asks for a topic: bytes and ends, in order. */
async function knock(hub: InProcessHub, node: Node, topic: Topic): Promise<readonly string[]> {
  const heard: string[] = []
  const transport = inProcessTransport({ hub })
  const connection = await new Promise<Connection>(resolve => {
    transport.start({
      id: KEYS[3]!.verifyingKey,
      networkId: NETWORK,
      peerFound: peer => {
        if (peer === node.id) transport.dial(peer, protocolId(NETWORK), opened => opened && resolve(opened))
      },
      peerLost() {},
      accept: other => other.close(0),
    })
  })
  closings.push(() => transport.stop())
  let isOver = false
  connection.onClose(code => {
    heard.push(`closed ${code}`)
    isOver = true
  })
  for (const [name, message] of [
    [
      'handshake',
      concatBytes(encodeFrame(concatBytes(Uint8Array.of(0, 32), hexToBytes(topic))), encodeFrame(Uint8Array.of(1))),
    ],
    ['sync', encodeFrame(Uint8Array.of(0, 0, 0))],
  ] as const) {
    const stream = connection.openBi()
    stream.onData(bytes => heard.push(`${name} ${bytesToHex(bytes)}`))
    stream.onEnd(() => heard.push(`${name} ended`))
    stream.onAbort(code => heard.push(`${name} aborted ${code}`))
    stream.write(message)
  }
  await until(() => isOver || heard.some(line => line.startsWith('sync')))
  await new Promise(resolve => setTimeout(resolve, 50))
  return heard
}
