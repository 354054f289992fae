/**
 * What a node is told by flags and by its config file. Both say the same keys with the same words, so one table reads
 * both; what is wrong is said with its place.
 */

import { hexToBytes, isThicketError, ThicketError, Topic, VerifyingKey } from '../../core/index.js'
import type { MdnsMode, Share } from '../../node/index.js'
import { TOPICS, VALUES_PER_SETTING } from './limits.js'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
export type TransportName = 'tcp' | 'iroh'

export interface NodeSettings {
  /** Path of the SQLite file, or ':memory:'. */
  readonly database: string
  /** Path of the file with the seed; null: a key for this run. */
  readonly key: string | null
  /** Empty: the transport's own choice. */
  readonly listen: readonly string[]
  readonly bootstrap: readonly string[]
  readonly transport: TransportName
  readonly mdns: MdnsMode
  /** 32 bytes; null: p2panda's own network. */
  readonly networkId: Uint8Array | null
  readonly topics: readonly Topic[]
  /** Port of the broker on loopback, 0 for any; null: no broker. */
  readonly http: number | null
  readonly tokenFile: string | null
  /** Null: everybody who is not denied. */
  readonly allow: readonly VerifyingKey[] | null
  readonly deny: readonly VerifyingKey[]
  /** Null: as is usual for its transport. */
  readonly share: Share | null
  readonly logLevel: LogLevel
  readonly stdin: boolean
}

/** One value as it was written, with the place to name when it is wrong: `--mdns`, or `node.yaml:3:7`. */
export interface Told {
  readonly text: string
  readonly at: string
}

/** The keys of the config file; a flag has two dashes in front. */
export const SETTING_KEYS = [
  'database',
  'key',
  'listen',
  'bootstrap',
  'transport',
  'mdns',
  'network-id',
  'topic',
  'http',
  'token-file',
  'allow',
  'deny',
  'share',
  'log-level',
  'stdin',
] as const
export type SettingKey = (typeof SETTING_KEYS)[number]

/** Those that may be said more than once; a config file gives a list. */
export const REPEATABLE: ReadonlySet<SettingKey> = new Set(['listen', 'bootstrap', 'topic', 'allow', 'deny'])
/** Those that name a file; a config file means its own folder. */
export const PATHS: ReadonlySet<SettingKey> = new Set(['database', 'key', 'token-file'])

export type ToldSettings = ReadonlyMap<SettingKey, readonly Told[]>

/** What is said first wins, key by key: a flag takes the place of all that a config file says under its key. */
export function settingsOf(...sources: readonly ToldSettings[]): NodeSettings {
  const told = (key: SettingKey): readonly Told[] => sources.find(source => source.has(key))?.get(key) ?? []
  const one = <Value>(key: SettingKey, otherwise: Value, read: (told: Told) => Value): Value => {
    const [first] = told(key)
    return first === undefined ? otherwise : read(first)
  }
  const each = <Value>(key: SettingKey, read: (told: Told) => Value): readonly Value[] => {
    const values = told(key)
    const most = key === 'topic' ? TOPICS : VALUES_PER_SETTING
    if (values.length > most) throw wrong(values[most]!, `${key} has too many values`, `at most ${most}`)
    return values.map(read)
  }
  const stdin = one<'true' | 'false'>('stdin', 'false', oneOf(['true', 'false'])) === 'true'
  const database = one('database', ':memory:', path)
  const settings: NodeSettings = {
    database,
    key: one<string | null>('key', database === ':memory:' ? null : `${database}.key`, path),
    listen: each('listen', text('an address to listen on')),
    bootstrap: each('bootstrap', text('an address that ends in /p2p/<peer id>')),
    transport: one<TransportName>('transport', 'tcp', oneOf(['tcp', 'iroh'])),
    mdns: one<MdnsMode>('mdns', 'active', oneOf(['active', 'passive', 'disabled'])),
    networkId: one<Uint8Array | null>(
      'network-id',
      null,
      id('a network id', hex => hexToBytes(hex)),
    ),
    topics: [
      ...new Set(
        each(
          'topic',
          id('a topic', hex => Topic.fromHex(hex)),
        ),
      ),
    ],
    http: one<number | null>('http', null, port),
    tokenFile: one<string | null>('token-file', null, path),
    allow: sources.some(source => source.has('allow')) ? each('allow', nodeId) : null,
    deny: each('deny', nodeId),
    share: one<Share | null>('share', null, oneOf<Share>(['all', 'common-topics', 'self'])),
    // A chat in a terminal is not to be read between lines of log.
    logLevel: one<LogLevel>('log-level', stdin ? 'warn' : 'info', oneOf(LOG_LEVELS)),
    stdin,
  }
  if (stdin && settings.topics.length === 0) {
    throw wrong(told('stdin')[0]!, 'there is no topic to publish to', 'a topic as well (--topic HEX)')
  }
  if (settings.transport === 'iroh' && settings.mdns !== 'disabled' && told('mdns').length > 0) {
    throw wrong(told('mdns')[0]!, 'nodes of the house are found on tcp only', 'disabled with transport iroh')
  }
  // Who keeps no topic is there for others to begin with: it shares none with anybody, and has to tell of all.
  const isForOthers = settings.topics.length === 0 && settings.http === null && settings.share === null
  return isForOthers ? { ...settings, share: 'all' } : settings
}

/** What a person wrote and can mend; printed as one line. */
export function wrong({ at }: Pick<Told, 'at'>, message: string, expected: string): ThicketError {
  return new ThicketError('setting-invalid', `${at}: ${message}; expected ${expected}`, { at })
}

function oneOf<Choice extends string>(choices: readonly Choice[]): (told: Told) => Choice {
  return told => {
    const choice = choices.find(name => name === told.text)
    if (choice === undefined) throw wrong(told, `${shown(told.text)} is no choice`, `one of ${choices.join(', ')}`)
    return choice
  }
}

function text(expected: string): (told: Told) => string {
  return told => {
    if (told.text.trim() === '') throw wrong(told, 'it is empty', expected)
    return told.text
  }
}

function path(told: Told): string {
  if (told.text === '' || told.text.includes('\0')) throw wrong(told, 'it is empty or no path', 'a path')
  return told.text
}

function port(told: Told): number {
  const number = Number(told.text)
  if (!/^\d{1,5}$/.test(told.text) || number > 65_535) {
    throw wrong(told, `${shown(told.text)} is no port`, 'a number from 0 to 65535')
  }
  return number
}

const HEX_OF_32_BYTES = 'hex of 32 bytes, 64 digits'

function id<Id>(what: string, read: (hex: string) => Id): (told: Told) => Id {
  return told => {
    if (!/^[0-9a-fA-F]{64}$/.test(told.text)) {
      throw wrong(told, `${shown(told.text)} is not ${what}`, HEX_OF_32_BYTES)
    }
    try {
      return read(told.text)
    } catch (error) {
      if (!isThicketError(error)) throw error
      throw wrong(told, error.message, HEX_OF_32_BYTES)
    }
  }
}

const nodeId = id('a node id', hex => VerifyingKey.fromHex(hex))

/** Longest part of a wrong value that is worth showing. */
const SHOWN_CHARACTERS = 40

export function shown(value: string): string {
  return JSON.stringify(value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value)
}
