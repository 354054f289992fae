/**
 * Goal: flags and a config file say the same things, and what is wrong with either is told in one line with its place.
 * Method: texts and flags in, settings or the sentence out.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { hexToBytes, isThicketError, SigningKey } from '../../core/index.js'
import { readConfig, readConfigFile } from './config-file.js'
import { CONFIG_BYTES, TOPICS } from './limits.js'
import { SETTING_KEYS, type SettingKey, settingsOf, type Told } from './settings.js'

const scratch = mkdtempSync(join(tmpdir(), 'thicket-config-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const TOPIC = 'ab'.repeat(32)
const DIGITS = '1234567890'.repeat(6).concat('1234')
const PEER = SigningKey.fromBytes(new Uint8Array(32).fill(7)).verifyingKey

function flags(
  values: Partial<Record<SettingKey, string | readonly string[]>>,
): ReadonlyMap<SettingKey, readonly Told[]> {
  return new Map(
    Object.entries(values).map(([key, given]) => [
      key as SettingKey,
      (typeof given === 'string' ? [given] : given).map(text => ({ text, at: `--${key}` })),
    ]),
  )
}

function complaint(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (isThicketError(error, 'setting-invalid')) return error.message
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('settings of a node', () => {
  it('a node with a topic or a broker tells of those who share a topic, one without tells of all', () => {
    const share = (text: string) => settingsOf(readConfig(text, 'node.yaml')).share
    expect([share('mdns: active'), share(`topic: ${TOPIC}`), share('http: 0'), share('share: self')]).toEqual([
      'all',
      null,
      null,
      'self',
    ])
  })

  it('nodes of the house are found on tcp only', () => {
    expect(settingsOf(readConfig('transport: iroh', 'node.yaml'))).toMatchObject({ transport: 'iroh' })
    expect(() => settingsOf(readConfig('transport: iroh\nmdns: active', 'node.yaml'))).toThrow('node.yaml:2:7: ')
  })

  it('each has its default', () => {
    expect(settingsOf()).toEqual({
      database: ':memory:',
      key: null,
      listen: [],
      bootstrap: [],
      transport: 'tcp',
      mdns: 'active',
      share: 'all',
      networkId: null,
      topics: [],
      http: null,
      tokenFile: null,
      allow: null,
      deny: [],
      logLevel: 'info',
      stdin: false,
    })
  })

  it('the key stands beside the database, and a chat logs warnings alone', () => {
    const settings = settingsOf(flags({ database: 'panda.db', stdin: 'true', topic: TOPIC }))
    expect(settings).toMatchObject({ key: 'panda.db.key', logLevel: 'warn', topics: [TOPIC] })
  })

  it('a config file says all of them, and paths mean its folder', () => {
    const text = `
database: data/panda.db
key: /keys/panda
listen: /ip4/127.0.0.1/tcp/0
bootstrap: [a, b]
transport: tcp
mdns: passive
share: self
network-id: ${DIGITS}
topic: [${TOPIC}, ${TOPIC}]
http: 8080
token-file: token
allow: [${PEER}]
deny:
  - ${PEER}
log-level: debug
stdin: true
`
    expect(settingsOf(readConfig(text, '/etc/thicket/node.yaml'))).toEqual({
      database: resolve('/etc/thicket/data/panda.db'),
      key: resolve('/keys/panda'),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: ['a', 'b'],
      transport: 'tcp',
      mdns: 'passive',
      share: 'self',
      networkId: hexToBytes(DIGITS),
      topics: [TOPIC],
      http: 8080,
      tokenFile: resolve('/etc/thicket/token'),
      allow: [PEER],
      deny: [PEER],
      logLevel: 'debug',
      stdin: true,
    })
  })

  it('the config file that the README shows says what it seems to say', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
    const [, text] = /```yaml\n(database: [\s\S]*?)```/.exec(readme) ?? []
    expect(settingsOf(readConfig(text!, 'node.yaml'))).toMatchObject({
      database: resolve('village.db'),
      listen: ['/ip4/0.0.0.0/tcp/4001'],
      topics: [expect.any(String)],
      mdns: 'passive',
      http: 4080,
      allow: null,
    })
  })

  it('JSON says the same', () => {
    const text = JSON.stringify({ database: ':memory:', http: 0, topic: [TOPIC], stdin: false })
    expect(settingsOf(readConfig(text, 'node.json'))).toMatchObject({ database: ':memory:', http: 0, stdin: false })
  })

  it('flags win, key by key, lists as a whole', () => {
    const file = readConfig('mdns: passive\nbootstrap: [a, b]\nlog-level: error\n', 'node.yaml')
    expect(settingsOf(flags({ mdns: 'disabled', bootstrap: ['c'] }), file)).toMatchObject({
      mdns: 'disabled',
      bootstrap: ['c'],
      logLevel: 'error',
    })
  })

  it('an allow list without anybody allows nobody', () => {
    expect(settingsOf(readConfig('allow: []', 'node.yaml')).allow).toEqual([])
  })

  it.each([
    ['topics: [a]', 'node.yaml:1:1: the key "topics" is unknown; expected one of database,'],
    ['\nmdns: sometimes', 'node.yaml:2:7: "sometimes" is no choice; expected one of active, passive, disabled'],
    ['http: 65536', 'node.yaml:1:7: "65536" is no port; expected a number from 0 to 65535'],
    ['http: -1', 'node.yaml:1:7: "-1" is no port'],
    ['http: 0x50', 'node.yaml:1:7: "0x50" is no port'],
    ['database:', 'node.yaml:1:1: database has no value that can be read; expected a text'],
    ['database: ""', 'node.yaml:1:11: it is empty or no path'],
    ['database: [a]', 'node.yaml:1:11: database takes one value; expected no list'],
    ['bootstrap: [a, [b]]', 'node.yaml:1:16: bootstrap has no value that can be read'],
    ['bootstrap: { a: b }', 'node.yaml:1:1: bootstrap has no value that can be read'],
    ['listen: ["  "]', 'node.yaml:1:10: it is empty; expected an address to listen on'],
    [`topic: ${TOPIC.slice(1)}`, 'is not a topic; expected hex of 32 bytes, 64 digits'],
    [`deny:\n  - ${'g'.repeat(64)}`, 'node.yaml:2:5: "gggggg'],
    ['stdin: yes', 'node.yaml:1:8: "yes" is no choice; expected one of true, false'],
    ['stdin: true', 'node.yaml:1:8: there is no topic to publish to'],
    ['mdns: active\nmdns: passive', 'node.yaml:2:1: the key mdns stands twice; expected each key once'],
    ['key: &x b\nmdns: *x', 'node.yaml:2:1: mdns has no value that can be read'],
    ['mdns: [', 'node.yaml:1:8: '],
    ['- a', 'node.yaml:1:1: the file holds no settings; expected a mapping'],
    ['', 'node.yaml:1:1: the file holds no settings'],
    ['mdns: active\n---\nmdns: active', 'node.yaml:2:1: '],
  ])('%j is refused with its place', (text, expected) => {
    expect(complaint(() => settingsOf(readConfig(text, 'node.yaml')))).toContain(expected)
  })

  it('nesting without end is refused before it can do harm', () => {
    expect(complaint(() => readConfig('['.repeat(100_000), 'node.yaml'))).toContain('node.yaml:1:')
  })

  it('takes as many topics as it promises and not one more', () => {
    const ids = Array.from({ length: TOPICS + 1 }, (_, at) => at.toString(16).padStart(64, '0'))
    expect(settingsOf(flags({ topic: ids.slice(0, TOPICS) })).topics).toHaveLength(TOPICS)
    expect(complaint(() => settingsOf(flags({ topic: ids })))).toBe(
      `--topic: topic has too many values; expected at most ${TOPICS}`,
    )
  })

  it('a file that cannot be read says so', () => {
    const large = join(scratch, 'large.yaml')
    writeFileSync(large, `#${' '.repeat(CONFIG_BYTES)}`)
    const binary = join(scratch, 'binary.yaml')
    writeFileSync(binary, new Uint8Array([0xff, 0xfe]))
    expect(complaint(() => readConfigFile(join(scratch, 'nowhere.yaml')))).toContain('it cannot be read: ENOENT')
    expect(complaint(() => readConfigFile(scratch))).toContain('it is no regular file')
    expect(complaint(() => readConfigFile(large))).toContain(`it is larger than ${CONFIG_BYTES} bytes`)
    expect(complaint(() => readConfigFile(binary))).toContain('it is not UTF-8')
  })

  it('no text does more than be refused', () => {
    const piece = fc.constantFrom(
      ...SETTING_KEYS,
      ': ',
      '\n',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      TOPIC,
      '&a ',
      '*a',
      '!!x ',
      '\t',
      '0',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }), pieces => {
        try {
          settingsOf(readConfig(pieces.join(''), 'node.yaml'))
        } catch (error) {
          if (!isThicketError(error, 'setting-invalid')) throw error
          expect(error.message).toMatch(/^node\.yaml:\d+:\d+: .+; expected ./s)
          expect(error.message).not.toContain('\n')
        }
      }),
      { numRuns: 500 },
    )
  })
})
