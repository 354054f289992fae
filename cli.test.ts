/**
 * Goal: the command line keeps its contract: exit codes, one JSON document or one line of complaint, files as promised.
 * Method: the published file in a process of its own, as users and their CI run it; built first where it is stale.
 */

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesToHex, encodeFrame, hexToBytes } from './engine/core/index.js'
import { encodeHandshake, encodeSync } from './engine/sync/index.js'

const BIN = 'bin/thicket.js'
const scratch = mkdtempSync(join(tmpdir(), 'thicket-cli-'))
const at = (name: string) => join(scratch, name)

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function thicket(args: readonly string[], input: string | Uint8Array = '', env: NodeJS.ProcessEnv = {}): Ran {
  const ran: SpawnSyncReturns<string> = spawnSync(process.execPath, [BIN, ...args], {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  })
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

function file(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content)
  return at(name)
}

/** A quick scenario that passes, with whatever is changed about it. */
function scenario(changes: Readonly<Record<string, string>> = {}): string {
  const parts: Record<string, string> = {
    thicket: '1',
    name: 'quick',
    seed: '3',
    duration: '20s',
    nodes: '[{ name: a }, { name: b }]',
    topics: '[chat]',
    links: '[{ mesh: [a, b], loss: 5% }]',
    workload: '[{ at: 1s, node: any, publish: { topic: chat, count: 10, every: 1s } }]',
    expect: '[{ converged: { within: 5s } }, { delivered: 100% }]',
    ...changes,
  }
  return Object.entries(parts)
    .map(([key, value]) => `${key}: ${value}\n`)
    .join('')
}

/** Exactly one line, on standard error alone. */
function complaint({ code, out, err }: Ran): string {
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/^[^\n]+\n$/)
  return err.trimEnd()
}

function newest(path: string): number {
  if (!statSync(path).isDirectory()) return path.endsWith('.ts') ? statSync(path).mtimeMs : 0
  return Math.max(0, ...readdirSync(path).map(name => newest(join(path, name))))
}

let quick = ''

beforeAll(() => {
  const built = statSync('dist/cli.js', { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (Math.max(...['cli.ts', 'sim', 'engine', 'scenarios'].map(newest)) > built) {
    spawnSync(join('node_modules', '.bin', 'tsc'), ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
  }
  quick = file('quick.yaml', scenario())
}, 120_000)

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('thicket run', () => {
  it('exits 0 and prints a table when all is as expected', () => {
    const { code, out, err } = thicket(['run', quick])
    expect(code).toBe(0)
    expect(out).toContain('✓ quick: PASS   seed 3')
    expect(out).toMatch(/fingerprint [0-9a-f]{64}\n$/)
    expect(err).toBe('running quick\n')
  })

  it('exits 1 when an expectation was missed, with the same report', () => {
    const failing = file('failing.yaml', scenario({ expect: '[{ bytes: { max-per-operation: 1 } }]' }))
    expect(thicket(['run', failing])).toMatchObject({ code: 1, out: expect.stringContaining('✗ quick: FAIL') })
    const { code, out } = thicket(['run', failing, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out)).toMatchObject({ verdict: 'fail', expectations: [{ name: 'bytes', ok: false }] })
  })

  it('exits 3 when Thicket itself is broken, and says so', () => {
    // Stands for a bug: something that the run needs, and nothing in a scenario can break, is broken.
    const broken = file('broken.mjs', 'performance.now = () => { throw new Error("planted") }')
    const { code, out, err } = thicket(['run', quick], '', { NODE_OPTIONS: `--import=${pathToFileURL(broken)}` })
    expect({ code, out }).toEqual({ code: 3, out: '' })
    expect(err).toContain('defect of Thicket')
    expect(err).toContain('planted')
  })

  it('prints with --json one JSON document on standard output and nothing else', () => {
    const { code, out } = thicket(['run', quick, '--json'])
    expect(code).toBe(0)
    expect(out).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(out)).toMatchObject({
      thicket: '0.1.0',
      scenario: 'quick',
      seed: 3,
      verdict: 'pass',
      radio: null,
    })
  })

  it('writes with --report the same document to a file', () => {
    const { out } = thicket(['run', quick, '--json', '--report', at('report.json')])
    expect(readFileSync(at('report.json'), 'utf8')).toBe(out)
    const { out: table } = thicket(['run', quick, '--report', at('report.json')])
    const { fingerprint } = JSON.parse(readFileSync(at('report.json'), 'utf8')) as { fingerprint: string }
    expect(table).toContain(fingerprint)
  })

  it('says with --check-determinism that two runs were the same', () => {
    expect(thicket(['run', quick, '--check-determinism'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('deterministic: two runs, the same events'),
    })
    const { code, out } = thicket(['run', quick, '--check-determinism', '--json'])
    expect([code, JSON.parse(out)]).toMatchObject([0, { verdict: 'pass', deterministic: true }])
  })

  it('takes a scenario in JSON as well', () => {
    const json = { thicket: 1, name: 'tiny', duration: '1s', nodes: [{ name: 'a' }], topics: ['chat'] }
    expect(thicket(['run', file('tiny.json', JSON.stringify(json))])).toMatchObject({ code: 0 })
  })

  it.each([
    ['0', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('takes the seed %s', (text, seed) => {
    expect(JSON.parse(thicket(['run', quick, '--json', '--seed', text]).out)).toMatchObject({ seed, verdict: 'pass' })
  })

  it.each(['-1', '1.5', 'abc', '', '9007199254740992', '1e3', '0x10'])('refuses the seed "%s" in one line', seed => {
    const line = complaint(thicket(['run', quick, '--seed', seed]))
    expect(line).toContain('--seed')
    expect(line).toContain('expected a whole number')
  })

  it.each([
    ['an unknown key', { colour: 'red' }, /:10:1: unknown key colour; expected one of .*nodes/],
    ['a misspelt key', { exspect: '[]' }, /:10:1: unknown key exspect.*expect.*; expected/],
    ['a wrong version', { thicket: '2' }, /:1:10: 2 is not possible here; expected 1/],
    [
      'an unknown node',
      { workload: '[{ at: 1s, node: z, publish: { topic: chat } }]' },
      /:8:\d+: no node is named z; expected one of a, b/,
    ],
    [
      'an unknown topic',
      { workload: '[{ at: 1s, node: a, publish: { topic: cat } }]' },
      /:8:\d+: no topic is named cat; expected/,
    ],
    ['an impossible loss', { links: '[{ mesh: [a, b], loss: 120% }]' }, /:7:\d+: .*120%.*; expected/],
    ['a negative duration', { duration: '-5s' }, /:4:11: .*-5s.*; expected a duration/],
    [
      'names that overlap',
      { nodes: '[{ name: a1 }, { name: a, count: 2 }, { name: b }]', links: '[]', expect: '[]' },
      /:5:\d+: .*a1.*; expected/,
    ],
    [
      'a work beyond the end',
      { workload: '[{ at: 30s, node: a, publish: { topic: chat } }]' },
      /:8:\d+: .*beyond the end.*; expected/,
    ],
    ['no YAML', { nodes: '[{ name: a }' }, /:\d+:\d+: .*; expected/],
  ])('says of %s where it is and what was expected, and runs nothing', (_, changes, expected) => {
    const path = file('mistake.yaml', scenario(changes as Record<string, string>))
    const report = at('untouched.json')
    const line = complaint(thicket(['run', path, '--json', '--report', report]))
    expect(line.startsWith(`${path}:`)).toBe(true)
    expect(line).toMatch(expected)
    expect(statSync(report, { throwIfNoEntry: false })).toBeUndefined()
  })

  it.each([
    ['a missing file', () => at('nowhere.yaml')],
    ['a directory', () => scratch],
    ['an empty file', () => file('empty.yaml', '')],
    ['bytes that are no text', () => file('binary.yaml', Uint8Array.of(0xff, 0xfe, 0, 1))],
  ])('refuses %s in one line', (_, path) => {
    expect(complaint(thicket(['run', path()]))).toMatch(/:1:1: .+; expected/)
  })

  it.each([
    ['--report', at('no/such/folder/report.json')],
    ['--trace', at('no/such/folder/trace.jsonl')],
    ['--trace', scratch],
  ])('refuses %s %s, which cannot be written, before it runs', (option, path) => {
    const line = complaint(thicket(['run', quick, '--report', at('other.json'), '--trace', at('other'), option, path]))
    expect(line.startsWith(`${path}:1:1: cannot be written`)).toBe(true)
    expect(line).toContain('expected a writable path')
  })

  it('prints with --print what this seed draws, which runs the same', () => {
    const drawn = file(
      'ranges.yaml',
      scenario({
        workload: '[{ at: 1s, node: any, publish: { topic: chat, count: { from: 3, to: 9 }, every: 1s } }]',
        nodes: '[{ name: a }, { name: b }]',
      }),
    )
    const { code, out } = thicket(['run', drawn, '--seed', '11', '--print'])
    expect(code).toBe(0)
    const printed = JSON.parse(thicket(['run', file('drawn.yaml', out), '--seed', '11', '--json']).out)
    const direct = JSON.parse(thicket(['run', drawn, '--seed', '11', '--json']).out)
    expect(printed.fingerprint).toBe(direct.fingerprint)
    complaint(thicket(['run', drawn, '--print', '--json']))
  })

  it('ends when it is interrupted', async () => {
    const long = file(
      'long.yaml',
      scenario({
        duration: '300d',
        workload: '[{ at: 1s, node: a, publish: { topic: chat, count: 1000000, every: 20s } }]',
      }),
    )
    const child = spawn(process.execPath, [BIN, 'run', long], { stdio: ['ignore', 'ignore', 'pipe'] })
    await new Promise(resolve => child.stderr.once('data', resolve))
    const ended = new Promise<unknown>(resolve => child.once('exit', (code, signal) => resolve(signal ?? code)))
    child.kill('SIGINT')
    expect(['SIGINT', 130]).toContain(await ended)
  })
})

describe('traces', () => {
  interface Line {
    readonly t: number
    readonly seq: number
    readonly node: string | null
    readonly type: string
  }
  const FAULTS = '[{ at: 3s, link: [a, b], down-for: 2s }, { at: 6s, crash: b, restart-after: 1s }]'
  const read = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as unknown)

  it('begin with what they are, count up, never go back in time, and repeat', () => {
    const path = file('traced.yaml', scenario({ faults: FAULTS }))
    expect(thicket(['run', path, '--trace', at('one.jsonl')]).code).toBe(0)
    const text = readFileSync(at('one.jsonl'), 'utf8')
    const [head, ...events] = read(text) as [unknown, ...Line[]]
    expect(head).toEqual({ thicketTrace: 1, version: '0.1.0', scenario: 'quick', seed: 3 })
    expect(events.length).toBeGreaterThan(40)
    for (const [index, event] of events.entries()) {
      expect(event.seq).toBe(index)
      expect(Number.isSafeInteger(event.t) && event.t >= (events[index - 1]?.t ?? 0)).toBe(true)
      expect(['a', 'b', null]).toContain(event.node)
    }
    thicket(['run', path, '--trace', at('two.jsonl')])
    expect(readFileSync(at('two.jsonl'), 'utf8')).toBe(text)
    thicket(['run', path, '--trace', at('three.jsonl'), '--seed', '4'])
    expect(readFileSync(at('three.jsonl'), 'utf8')).not.toBe(text)
    thicket(['run', path, '--trace', at('four.jsonl.gz')])
    expect(gunzipSync(readFileSync(at('four.jsonl.gz'))).toString('utf8')).toBe(text)

    const documented = readFileSync('sim/world/trace.ts', 'utf8')
    const types = new Set(events.map(({ type }) => type))
    expect([...types].filter(type => !documented.includes(`\`${type}\``))).toEqual([])
    for (const type of ['boot', 'crash', 'published', 'stored', 'processed', 'fault', 'link-state', 'session-ended']) {
      expect([...types]).toContain(type)
    }
  })
})

interface Vector {
  readonly header: string
  readonly body: string | null
}
const vectors = (JSON.parse(readFileSync('engine/core/vectors/judgements.json', 'utf8')) as { judgements: Vector[] })
  .judgements

describe('thicket inspect', () => {
  const judged = thicketJudgements
  const good = () => vectors.find((_, index) => judged()[index]!.accepted && vectors[index]!.body !== null)!
  const bad = () => vectors.find((_, index) => !judged()[index]!.accepted)!

  it('judges a batch, one verdict a line, from a file and from standard input', () => {
    const lines = vectors.map(({ header, body }) => JSON.stringify({ header, body })).join('\n')
    const fromInput = thicket(['inspect', '--batch', '-'], lines)
    expect(fromInput).toMatchObject({ code: 0, err: '' })
    expect(fromInput.out.trimEnd().split('\n')).toHaveLength(vectors.length)
    const fromFile = thicket(['inspect', '--batch', file('batch.jsonl', `${lines}\r\n\n`)])
    expect(fromFile).toEqual(fromInput)
    const keys = new Set(judged().map(verdict => Object.keys(verdict).join()))
    expect(keys).toEqual(
      new Set([
        'accepted,id,author,logId,seqNum,backlink,timestamp,prune,previous,payloadSize',
        'accepted,error,field',
      ]),
    )
  })

  it('waits for standard input that comes in pieces', async () => {
    const child = spawn(process.execPath, [BIN, 'inspect', '--batch', '-'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.on('data', chunk => {
      out += chunk
    })
    const ended = new Promise<unknown>(resolve => child.once('close', resolve))
    const { header, body } = good()
    const line = `${JSON.stringify({ header, body })}\n`
    child.stdin.write(line.slice(0, 50))
    await new Promise(resolve => setTimeout(resolve, 300))
    child.stdin.end(line.slice(50))
    expect(await ended).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ accepted: true })
  })

  it.each([
    ['no JSON', '{ "header": ', /:2:1: .*expected \{ "header"/],
    ['no header', '{ "body": null }', /:2:1: "header".*expected hex/],
    ['a header that is no hex', '{ "header": "xyz" }', /:2:1: "header".*expected hex/],
    ['a header of half a byte', '{ "header": "abc" }', /:2:1: "header".*expected hex/],
    ['a body that is no hex', '{ "header": "00", "body": 7 }', /:2:1: "body".*expected hex/],
    ['a number', '7', /:2:1: /],
  ])('refuses a batch with %s in its second line', (_, line, expected) => {
    const first = JSON.stringify({ header: vectors[0]!.header, body: vectors[0]!.body })
    const path = file('bad.jsonl', `${first}\n${line}\n`)
    const said = complaint(thicket(['inspect', '--batch', path]))
    expect(said.startsWith(`${path}:2:1: `)).toBe(true)
    expect(said).toMatch(expected)
  })

  it('takes hex, upper case too, a file with hex, a file with bytes, and standard input', () => {
    const { header, body } = good()
    const expected = thicket(['inspect', header, '--body', body!])
    expect(expected).toMatchObject({ code: 0, out: expect.stringContaining('✓ accepted') })
    const bodied = ['--body', body!]
    expect(thicket(['inspect', header.toUpperCase(), ...bodied])).toEqual(expected)
    expect(thicket(['inspect', file('hex', `${header.slice(0, 20)}\n${header.slice(20)}\n`), ...bodied])).toEqual(
      expected,
    )
    expect(thicket(['inspect', file('bytes', hexToBytes(header)), ...bodied])).toEqual(expected)
    expect(thicket(['inspect', '-', ...bodied], header)).toEqual(expected)
    expect(thicket(['inspect', '-', ...bodied], hexToBytes(header))).toEqual(expected)
    const { code, out } = thicket(['inspect', header, ...bodied, '--json'])
    expect([code, JSON.parse(out)]).toMatchObject([0, { accepted: true, payloadSize: body!.length / 2 }])
  })

  it('exits 1 on what is refused, and names the rule', () => {
    const { header, body } = bad()
    const more = body === null ? [] : ['--body', body]
    const { code, out } = thicket(['inspect', header, ...more])
    expect(code).toBe(1)
    expect(out).toMatch(/^✗ [a-z-]+: \w/)
    const json = thicket(['inspect', header, ...more, '--json'])
    expect([json.code, JSON.parse(json.out)]).toMatchObject([1, { accepted: false }])
    expect(thicket(['inspect', good().header, '--body', '00']).code).toBe(1)
  })

  it.each([
    ['no input', []],
    ['neither hex nor a file', ['xyz']],
    ['half a byte', ['abc']],
    ['a directory', [tmpdir()]],
    ['a body that is no hex', ['00', '--body', 'xyz']],
    ['a batch that is not there', ['--batch', '/nowhere/batch.jsonl']],
    ['a batch that is a directory', ['--batch', tmpdir()]],
  ])('refuses %s in one line', (_, args) => {
    expect(complaint(thicket(['inspect', ...args]))).toContain('expected')
  })

  it('decodes wire frames, one after the other', () => {
    const topic = '07'.repeat(32) as never
    const handshake = encodeFrame(encodeHandshake({ type: 'topic', topic }))
    const done = encodeFrame(encodeSync({ type: 'pre_sync', operations: 3, bytes: 999 }))
    const both = bytesToHex(handshake) + bytesToHex(done)
    const { code, out } = thicket(['inspect', both])
    expect(code).toBe(0)
    expect(out).toContain('topic-handshake: topic')
    expect(out).toContain('07'.repeat(32))
    expect(out).toContain('log-sync: pre_sync')
    const json = JSON.parse(thicket(['inspect', both, '--json']).out) as unknown
    expect(json).toMatchObject([
      { protocol: 'topic-handshake', message: 'topic' },
      { protocol: 'log-sync', message: 'pre_sync', fields: { operations: 3, bytes: 999 } },
    ])
  })

  it('judges the operation in a frame, and names what is wrong with a frame', () => {
    const frameOf = ({ header, body }: Vector) => {
      const operation = { header: hexToBytes(header), body: body === null ? null : hexToBytes(body) }
      return bytesToHex(encodeFrame(encodeSync({ type: 'operation', operation })))
    }
    expect(thicket(['inspect', frameOf(good())])).toMatchObject({ code: 0, out: expect.stringContaining('accepted') })
    expect(thicket(['inspect', frameOf(bad())])).toMatchObject({ code: 1 })
    expect(thicket(['inspect', '0000000509'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^✗ frame-truncated/),
    })
    const unknown = thicket(['inspect', '0000000109', '--json'])
    expect([unknown.code, JSON.parse(unknown.out)]).toMatchObject([1, { accepted: false, error: 'decoding-postcard' }])
  })
})

let cached: readonly { readonly accepted: boolean }[] | null = null
function thicketJudgements(): readonly { readonly accepted: boolean }[] {
  cached ??= thicket(['inspect', '--batch', '-'], vectors.map(vector => JSON.stringify(vector)).join('\n'))
    .out.trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as { accepted: boolean })
  return cached
}

describe('thicket airtime and thicket study', () => {
  it('answer with one JSON document', () => {
    const airtime = thicket(['airtime', '--preset', 'LONG_FAST', '--payload', '56', '--region', 'EU868-P', '--json'])
    expect(airtime).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(airtime.out)).toEqual({
      airtimeUs: 681_984,
      symbols: 83.25,
      bitrate: 1_074.21875,
      framesPerHour: 527,
    })
    const bare = ['--sf', '6', '--bw', '500000', '--cr', '5', '--payload', '20', '--implicit', '--no-crc', '--json']
    expect(JSON.parse(thicket(['airtime', ...bare, '--preamble', '12']).out)).toMatchObject({ airtimeUs: 6_944 })
    const lorasim = thicket(['study', 'lorasim', '--nodes', '200', '--packets', '4000', '--no-capture', '--json'])
    expect(lorasim).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(lorasim.out)).toMatchObject({ sent: 4_000, der: expect.closeTo(0.5, 1) })
    const flood = thicket(['study', 'flood', '--grid', '3x3', '--mean-period', '300s', '--json'])
    expect(flood).toMatchObject({ code: 0, err: '' })
    expect(JSON.parse(flood.out)).toMatchObject({ reach: expect.closeTo(1, 1) })
  })

  it.each([
    [['airtime']],
    [['airtime', '--preset', 'LONG_FAST', '--payload', '256']],
    [['study', 'lorasim', '--experiment', 'sn2']],
    [['study', 'flood', '--grid', '5']],
  ])('%j: one line, exit 2', args => {
    expect(complaint(thicket(args))).toMatch(/^(airtime|study \w+): .*expected/)
  })
})

describe('thicket', () => {
  it.each([
    [[]],
    [['fly']],
    [['rum', 'x']],
    [['run']],
    [['run', 'a', 'b']],
    [['run', '--sed', '1', 'a']],
    [['--loud']],
    [['run', 'a', '--seed']],
    [['study']],
    [['study', 'rain']],
  ])('%j: one line, exit 2', args => {
    expect(complaint(thicket(args))).toMatch(/^thicket: .+; see thicket --help$/)
  })

  it.each([
    [['--help']],
    [['run', '--help']],
    [['inspect', '--help']],
    [['study', 'flood', '--help']],
    [['help']],
    [['--version']],
  ])('%j: exit 0', args => {
    const { code, out, err } = thicket(args)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out.length).toBeGreaterThan(3)
  })

  it('does not mind a reader that stops early', async () => {
    mkdirSync(at('work'), { recursive: true })
    const batch = Array.from({ length: 40 }, () => vectors.map(vector => JSON.stringify(vector)).join('\n')).join('\n')
    const path = file('large.jsonl', batch)
    const child = spawn(process.execPath, [BIN, 'inspect', '--batch', path], { stdio: ['ignore', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', chunk => {
      err += chunk
    })
    child.stdout.once('data', () => child.stdout.destroy())
    await new Promise(resolve => child.once('close', resolve))
    expect(err).toBe('')
  })
})
