/**
 * Goal: nodes on separate networks chat, stay apart while the wire between them is down, and meet again; a wire that
 * delays and loses packets only makes them slower.
 * Method: one network namespace a node, wires between them as pairs of virtual devices, real processes. It takes root
 * on Linux, and `tc netem` for delay and loss; where these are missing the tests say so and are skipped.
 */

import { spawnSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Topic } from '../../core/index.js'
import { systemRandom } from '../system-random.js'
import { type NodeProcess, NodeProcesses } from './processes.contract.js'

const PREFIX = `thicket${process.pid}`
/** a and c have a wire to b each, and none to each other. */
const NAMESPACES = { a: `${PREFIX}a`, b: `${PREFIX}b`, c: `${PREFIX}c` } as const
type Place = keyof typeof NAMESPACES

function run(command: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? null : `${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`
}

const ip = (...args: readonly string[]): string | null => run('ip', ...args)

/** Null, or the first thing that this machine does not do. */
function layWires(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are Linux’s'
  for (const name of Object.values(NAMESPACES)) {
    const problem = ip('netns', 'add', name) ?? ip('-n', name, 'link', 'set', 'lo', 'up')
    if (problem !== null) return problem
  }
  return wire('a', 'b', 1) ?? wire('c', 'b', 2)
}

function wire(from: Place, to: Place, number: number): string | null {
  const [near, far] = [NAMESPACES[from], NAMESPACES[to]]
  const device = `wire${number}`
  return (
    ip('link', 'add', device, 'netns', near, 'type', 'veth', 'peer', 'name', device, 'netns', far) ??
    ip('-n', near, 'addr', 'add', `10.77.${number}.1/24`, 'dev', device) ??
    ip('-n', far, 'addr', 'add', `10.77.${number}.2/24`, 'dev', device) ??
    ip('-n', near, 'link', 'set', device, 'up') ??
    ip('-n', far, 'link', 'set', device, 'up')
  )
}

function removeWires(): void {
  for (const name of Object.values(NAMESPACES)) ip('netns', 'del', name)
}

/** Delay and loss in both directions of a wire. */
function makeBad(from: Place, number: number): string | null {
  for (const name of [NAMESPACES[from], NAMESPACES.b]) {
    const problem = run(
      ...(['ip', 'netns', 'exec', name, 'tc', 'qdisc', 'replace', 'dev', `wire${number}`, 'root'] as const),
      ...['netem', 'delay', '60ms', '20ms', 'loss', '5%'],
    )
    if (problem !== null) return problem
  }
  return null
}

const problem = layWires()
if (problem !== null) removeWires()
if (problem !== null) console.warn(`SKIPPED: no nodes in network namespaces here: ${problem}`)

/** Some seconds, on a machine that has nothing else to do. */
const COMPILE_MS = 240_000

let processes: NodeProcesses
beforeAll(() => {
  processes = new NodeProcesses()
}, COMPILE_MS)
afterEach(() => processes.endAll())
afterAll(() => {
  removeWires()
  processes.remove()
})

async function start(place: Place, topic: Topic, run: string, ...flags: readonly string[]): Promise<NodeProcess> {
  const node = processes.start({
    name: place,
    prefix: ['ip', 'netns', 'exec', NAMESPACES[place]],
    flags: [
      ...['--database', processes.at(`${run}-${place}.db`), '--topic', topic, '--stdin', '--mdns', 'disabled'],
      ...['--listen', '/ip4/0.0.0.0/tcp/0', ...flags],
    ],
  })
  await node.until(({ printed }) => printed.length > 0, 'is ready')
  return node
}

/** Where b is reached over one of the wires. */
function addressOn(number: number, { ready }: NodeProcess): string {
  const address = ready.addresses?.find(one => one.startsWith(`/ip4/10.77.${number}.`))
  if (address === undefined) throw new Error(`no address on wire ${number} in ${ready.addresses?.join(' ')}`)
  return address
}

async function startThree(run: string): Promise<readonly [NodeProcess, NodeProcess, NodeProcess]> {
  const topic = Topic.random(systemRandom())
  const b = await start('b', topic, run)
  const [a, c] = await Promise.all([
    start('a', topic, run, '--bootstrap', addressOn(1, b)),
    start('c', topic, run, '--bootstrap', addressOn(2, b)),
  ])
  return [a, b, c]
}

describe.skipIf(problem !== null)('nodes in network namespaces', { timeout: 240_000 }, () => {
  it('two that never meet hear each other through a third, also after the wire was down', async () => {
    const nodes = await startThree('partition')
    const [a, b, c] = nodes
    a.say('from a')
    c.say('from c')
    for (const node of nodes) await node.hears(['from a', 'from c'])

    expect(ip('-n', NAMESPACES.b, 'link', 'set', 'wire1', 'down')).toBeNull()
    a.say('from the island')
    c.say('from the mainland')
    await a.hears(['from the island'])
    await b.hears(['from the mainland'])
    // Nothing can pass, however long one would wait.
    expect(a.heard).not.toContain('from the mainland')
    expect(b.heard).not.toContain('from the island')

    expect(ip('-n', NAMESPACES.b, 'link', 'set', 'wire1', 'up')).toBeNull()
    for (const node of nodes) await node.hears(['from the island', 'from the mainland'])
    const ids = [...new Set(a.heardIds)].sort()
    expect(ids).toHaveLength(4)
    for (const node of nodes) expect([...new Set(node.heardIds)].sort()).toEqual(ids)
    for (const node of nodes) expect(await node.end()).toBe(0)
  })

  it('a wire that delays and loses packets makes nobody miss anything', async ({ skip }) => {
    const missing = makeBad('a', 1) ?? makeBad('c', 2)
    if (missing !== null) {
      console.warn(`SKIPPED: no delay and loss by tc netem here: ${missing}`)
      skip(missing)
    }
    const nodes = await startThree('loss')
    const texts = nodes.flatMap(({ name }) => Array.from({ length: 50 }, (_, at) => `${name} says ${at}`))
    for (const node of nodes) for (const text of texts) if (text.startsWith(`${node.name} `)) node.say(text)
    for (const node of nodes) await node.hears(texts)
    for (const node of nodes) expect(await node.end()).toBe(0)
  })
})
