/** Reads the config file of a node, YAML or JSON: one mapping, its keys named as the flags are. */

import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isMap, isScalar, isSeq, Lexer, LineCounter, type Node, Parser, parseDocument, type Scalar } from 'yaml'
import { CONFIG_BYTES, CONFIG_NESTING } from './limits.js'
import {
  PATHS,
  REPEATABLE,
  SETTING_KEYS,
  type SettingKey,
  shown,
  type Told,
  type ToldSettings,
  wrong,
} from './settings.js'

/** @throws `setting-invalid`, with file, line and column */
export function readConfigFile(file: string): ToldSettings {
  return readConfig(readText(file), file)
}

export function readConfig(text: string, file: string): ToldSettings {
  const lines = new LineCounter()
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`
  }
  const placeOf = (node: unknown): string => at((node as Node | null)?.range?.[0] ?? 0)
  const root = parse(text, file, lines, at)
  if (!isMap(root))
    throw wrong({ at: placeOf(root) }, 'the file holds no settings', 'a mapping such as database: node.db')

  const settings = new Map<SettingKey, readonly Told[]>()
  for (const { key, value } of root.items) {
    const here = { at: placeOf(key) }
    const written = isScalar(key) ? String(key.value) : ''
    const name = SETTING_KEYS.find(known => known === written)
    if (name === undefined) {
      throw wrong(here, `the key ${shown(written)} is unknown`, `one of ${SETTING_KEYS.join(', ')}`)
    }
    if (settings.has(name)) throw wrong(here, `the key ${name} stands twice`, 'each key once')
    settings.set(
      name,
      valuesOf(name, value, here.at, placeOf).map(told => inFolderOf(file, name, told)),
    )
  }
  return settings
}

function parse(text: string, file: string, lines: LineCounter, at: (offset: number) => string): unknown {
  refuseDepth(text, file)
  const isJson = file.toLowerCase().endsWith('.json')
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Said below, with the place of the second one.
    uniqueKeys: false,
    ...(isJson ? { schema: 'json' as const } : {}),
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw wrong({ at: at(problem.pos[0]) }, firstLine(problem.message), 'a YAML or JSON document')
  return document.contents
}

/** The library's reader recurses, its tokenizer does not: so the depth is known before a stack can overflow. */
function refuseDepth(text: string, file: string): void {
  const lines = new LineCounter()
  lines.addNewLine(0)
  const parser = new Parser(lines.addNewLine)
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length <= CONFIG_NESTING) continue
    const { line, col } = lines.linePos(parser.offset)
    throw wrong({ at: `${file}:${line}:${col}` }, 'it is nested too deeply', 'a mapping of settings')
  }
}

function valuesOf(
  name: SettingKey,
  value: unknown,
  keyAt: string,
  placeOf: (node: unknown) => string,
): readonly Told[] {
  if (isSeq(value)) {
    if (!REPEATABLE.has(name)) throw wrong({ at: placeOf(value) }, `${name} takes one value`, 'no list')
    return value.items.map(item => ({ text: textOf(name, item, placeOf(item)), at: placeOf(item) }))
  }
  const valueAt = isScalar(value) && value.value !== null ? placeOf(value) : keyAt
  return [{ text: textOf(name, value, valueAt), at: valueAt }]
}

/** As it is written: an id of digits alone is a number to YAML, and would come back as another one. */
function textOf(name: SettingKey, value: unknown, at: string): string {
  if (!isScalar(value) || value.value === null) {
    throw wrong(
      { at },
      `${name} has no value that can be read`,
      REPEATABLE.has(name) ? 'a text or a list of texts' : 'a text',
    )
  }
  const scalar = value as Scalar
  return typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value))
}

function inFolderOf(file: string, name: SettingKey, told: Told): Told {
  if (!PATHS.has(name) || told.text === '' || told.text === ':memory:') return told
  return { ...told, text: resolve(dirname(file), told.text) }
}

function readText(file: string): string {
  const unreadable = (why: string) => wrong({ at: `${file}:1:1` }, `it cannot be read: ${why}`, 'a config file')
  let bytes: Buffer
  try {
    const status = statSync(file)
    if (!status.isFile()) throw unreadable('it is no regular file')
    if (status.size > CONFIG_BYTES) throw unreadable(`it is larger than ${CONFIG_BYTES} bytes`)
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'setting-invalid') throw error
    throw unreadable(error instanceof Error ? firstLine(error.message) : String(error))
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable('it is not UTF-8')
  }
}

function firstLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, 160)
}
