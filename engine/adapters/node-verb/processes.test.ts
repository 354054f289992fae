/**
 * Goal: what the README promises of `thicket node`: processes on one machine chat, one that comes later gets all, one
 * that was killed resumes, ten converge; signals and unusable input end a process as the contract says.
 * Method: real processes, libp2p over TCP on loopback, mDNS off; waits for conditions, never for times.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Topic } from '../../core/index.js'
import { systemRandom } from '../system-random.js'
import { NodeProcesses } from './processes.contract.js'
import { openSlowWire } from './slow-wire.contract.js'

/** Each way; as between continents. */
const WIRE_DELAY_MS = 80

/** Some seconds, on a machine that has nothing else to do. */
const COMPILE_MS = 240_000

let processes: NodeProcesses
beforeAll(() => {
  processes = new NodeProcesses()
}, COMPILE_MS)
afterEach(() => processes.endAll())
afterAll(() => processes.remove())

const newTopic = (): Topic => Topic.random(systemRandom())

// Some twenty processes on a machine that has other work: generous, and reached by a defect alone.
describe('processes of thicket node', { timeout: 240_000 }, () => {
  it('two chat, a third that starts later gets all, one that is killed in between resumes; the end of input ends nothing', async () => {
    const topic = newTopic()
    const a = await processes.startChat('a', topic)
    const b = await processes.startChat('b', topic, '--bootstrap', a.address)
    a.say('Hello, b!')
    b.say('Hello, a!')
    await a.hears(['Hello, b!', 'Hello, a!'])
    await b.hears(['Hello, b!', 'Hello, a!'])

    const c = await processes.startChat('c', topic, '--bootstrap', a.address)
    await c.hears(['Hello, b!', 'Hello, a!'])

    const { id } = b.ready
    await b.kill()
    a.say('Are you there?')
    c.say('b is gone')
    await a.hears(['Are you there?', 'b is gone'])
    const again = await processes.startChat('b', topic, '--bootstrap', a.address)
    expect(again.ready.id).toBe(id)
    again.say('I am back')
    await again.hears(['Are you there?', 'b is gone', 'I am back'])
    a.child.stdin!.end('no line end, and nothing after')
    await c.hears(['I am back', 'no line end, and nothing after'])
    c.say('you still listen')
    await a.hears(['I am back', 'you still listen'])
    await again.hears(['you still listen'])

    for (const node of [a, c, again]) expect(await node.end()).toBe(0)
    expect([...new Set(a.heardIds)].sort()).toEqual([...new Set(c.heardIds)].sort())
  })

  it('a support node that nobody reads keeps a topic for those who are never there together', async () => {
    const topic = newTopic()
    const flags = [
      '--database',
      processes.at('keeper.db'),
      '--topic',
      topic,
      '--mdns',
      'disabled',
      '--log-level',
      'trace',
    ]
    const keeper = processes.start({
      name: 'keeper',
      flags: [...flags, '--http', '0', '--listen', '/ip4/127.0.0.1/tcp/0'],
    })
    await keeper.until(({ notes }) => notes.includes('is ready\n  /'), 'is ready')
    const [, address] = /is ready\n {2}(\S+)/.exec(keeper.notes) ?? []
    const writer = await processes.startChat('writer', topic, '--bootstrap', address!)
    writer.say('kept')
    await writer.hears(['kept'])
    await keeper.until(({ notes }) => notes.includes('"event":"stored"'), 'has stored it')
    const [, url, tokenFile] = /broker at (\S+), its token in (\S+)/.exec(keeper.notes) ?? []
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ ok: true })
    const headers = { authorization: `Bearer ${readFileSync(tokenFile!, 'utf8').trim()}` }
    const figures = await (await fetch(`${url}/metrics`, { headers })).text()
    expect(figures).toMatch(/^thicket_operations 1$/m)
    expect(figures).toMatch(/^thicket_transport_links 1$/m)
    expect(await writer.end('SIGINT')).toBe(0)
    const reader = await processes.startChat('reader', topic, '--bootstrap', address!)
    await reader.hears(['kept'])
    expect(keeper.printed).toEqual([])
    expect(await keeper.end()).toBe(0)
  })

  it('ten that all know one of them converge', async () => {
    const topic = newTopic()
    const first = await processes.startChat('n0', topic)
    const others = await Promise.all(
      Array.from({ length: 9 }, (_, at) => processes.startChat(`n${at + 1}`, topic, '--bootstrap', first.address)),
    )
    const all = [first, ...others]
    const texts = all.flatMap(({ name }) => [`${name} says one`, `${name} says two`])
    for (const node of all) for (const text of texts.filter(said => said.startsWith(`${node.name} `))) node.say(text)
    await Promise.all(all.map(node => node.hears(texts)))
    const ids = [...first.heardIds].sort()
    expect(ids).toHaveLength(texts.length)
    for (const node of others) expect([...node.heardIds].sort()).toEqual(ids)
    expect(await Promise.all(all.map(node => node.end()))).toEqual(all.map(() => 0))
  })

  it('a wire that is slow and is cut again and again makes nobody miss anything', async () => {
    const topic = newTopic()
    const a = await processes.startChat('far', topic)
    const [, port, peer] = /\/tcp\/(\d+)\/(p2p\/.+)$/.exec(a.address) ?? []
    const wire = await openSlowWire(Number(port), WIRE_DELAY_MS)
    const b = await processes.startChat('near', topic, '--bootstrap', `/ip4/127.0.0.1/tcp/${wire.port}/${peer}`)
    const texts: string[] = []
    for (let round = 0; round < 2; round++) {
      const more = Array.from({ length: 20 }, (_, at) => `${round}: ${at}`)
      texts.push(...more)
      for (const text of more) (text.endsWith('1') ? b : a).say(text)
      if (round > 0) await b.hears([more[0]!])
      wire.cut()
      await a.hears(more.filter(text => !text.endsWith('1')))
      wire.mend()
    }
    for (const node of [a, b]) await node.hears(texts)
    for (const node of [a, b]) expect(await node.end()).toBe(0)
    await wire.close()
  })

  it('one database is never open twice, and free again when its process was killed', async () => {
    const topic = newTopic()
    const first = await processes.startChat('single', topic)
    const second = processes.start({
      name: 'second',
      flags: ['--database', processes.at('single.db'), '--topic', topic, '--mdns', 'disabled'],
    })
    expect(await second.exited).toBe(2)
    expect(second.notes).toMatch(/^thicket node: the database is in use by another process: .*single\.db\n$/)
    await first.kill()
    const third = await processes.startChat('single', topic)
    expect(await third.end()).toBe(0)
  })

  it.each([
    ['--mdns', 'loud', 'thicket node: --mdns: "loud" is no choice; expected one of active, passive, disabled\n'],
    ['--transport', 'udp', 'thicket node: --transport: "udp" is no choice; expected one of tcp, iroh\n'],
    ['--stdin', '', 'thicket node: --stdin: there is no topic to publish to; expected a topic as well (--topic HEX)\n'],
    ['--bootstrap', '/ip4/127.0.0.1/tcp/4001', expect.stringMatching(/^thicket node: [^\n]*\/p2p\/[^\n]*4001"\n$/)],
  ])('%s %s is refused with one line', async (flag, value, expected) => {
    const flags = [flag, ...(value === '' ? [] : [value]), '--log-level', 'silent', '--listen', '/ip4/127.0.0.1/tcp/0']
    const node = processes.start({
      name: 'refused',
      flags: flag === '--mdns' ? flags : [...flags, '--mdns', 'disabled'],
    })
    expect(await node.exited).toBe(2)
    expect(node.notes).toEqual(expected)
    expect(node.printed).toEqual([])
  })

  it('a port that is taken and a config that is wrong are refused with their place', async () => {
    const topic = newTopic()
    const a = await processes.startChat('holder', topic)
    const [, port] = /\/tcp\/(\d+)\//.exec(a.address) ?? []
    const taken = processes.start({
      name: 'taken',
      flags: ['--listen', `/ip4/127.0.0.1/tcp/${port}`, '--mdns', 'disabled', '--log-level', 'silent'],
    })
    expect(await taken.exited).toBe(2)
    expect(taken.notes).toMatch(new RegExp(`^thicket node: [^\\n]*${port};[^\\n]*EADDRINUSE[^\\n]*\\n$`))
    writeFileSync(processes.at('node.yaml'), 'mdns: disabled\ndatabasee: x\n')
    const wrong = processes.start({ name: 'wrong', flags: ['--config', 'node.yaml'] })
    expect(await wrong.exited).toBe(2)
    expect(wrong.notes).toMatch(/^thicket node: node\.yaml:2:1: the key "databasee" is unknown; expected one of /)
  })
})
