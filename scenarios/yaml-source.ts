/**
 * Text to a tree of YAML nodes with positions. JSON is read as the YAML that it is, strictly when the file's name ends
 * in .json. What YAML allows and a scenario has no use for (aliases, tags, directives, several documents) is refused
 * here, and so is what would harm the reader: characters that nobody sees, and nesting without end.
 */

import { CST, isScalar, Lexer, LineCounter, type Node, Parser, parseDocument, visit, type YAMLError } from 'yaml'
import { BOUNDS } from './defaults.js'
import type { Problems } from './problems.js'
import { shown } from './shape.js'
import { UNPRINTABLE } from './words.js'

export interface Source {
  readonly root: Node | null
  readonly lines: LineCounter
}

/** @throws ScenarioError */
export function readSource(text: string, file: string, problems: Problems): Source {
  const start = { line: 1, column: 1 }
  if (text.length > BOUNDS.fileBytes) problems.add(start, 'the file is too large', `at most ${BOUNDS.fileBytes} bytes`)
  problems.raise()
  const lines = lineCounter(text)
  const add = (offset: number, message: string, expected: string) => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    problems.add({ line, column: col }, message, expected)
  }
  const unprintable = text.search(UNPRINTABLE)
  if (unprintable >= 0) {
    const code = text.codePointAt(unprintable)!.toString(16).toUpperCase().padStart(4, '0')
    add(unprintable, `a character that cannot be printed (U+${code})`, 'text')
  }
  scan(text, add)
  problems.raise()

  const isJson = file.toLowerCase().endsWith('.json')
  const document = parseDocument(text, {
    prettyErrors: false,
    keepSourceTokens: true,
    // The library compares each key with every other one of its mapping; checkKeys looks it up.
    uniqueKeys: false,
    ...(isJson ? { schema: 'json' as const } : {}),
  })
  for (const error of [...document.errors, ...document.warnings]) {
    add(error.pos[0], ...explained(error, text))
  }
  checkKeys(document, add)
  problems.raise()
  if (isJson) checkJson(text, document, add)
  problems.raise()
  return { root: document.contents as Node | null, lines }
}

/** Counts lines by itself, so that there are positions also where YAML cannot be read. */
function lineCounter(text: string): LineCounter {
  const lines = new LineCounter()
  lines.addNewLine(0)
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.addNewLine(at + 1)
  return lines
}

type Add = (offset: number, message: string, expected: string) => void

const MEANINGLESS: Readonly<Record<string, string>> = {
  alias: 'an alias',
  anchor: 'an anchor',
  tag: 'a tag',
  'directive-line': 'a directive',
}

/**
 * The library's reader recurses and its tokenizer does not: so the depth is known before anything can overflow. What
 * has no meaning here shows in its tokens as well.
 */
function scan(text: string, add: Add): void {
  const parser = new Parser()
  let isInText = false
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser
    const type = isInText ? null : CST.tokenType(lexeme)
    isInText = lexeme === CST.SCALAR
    if (type !== null && Object.hasOwn(MEANINGLESS, type)) {
      add(offset, `${MEANINGLESS[type]} has no meaning in a scenario`, 'the value itself')
    }
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > BOUNDS.nesting && parser.stack.filter(CST.isCollection).length > BOUNDS.nesting) {
      add(offset, 'nested too deeply', `at most ${BOUNDS.nesting} levels`)
      return
    }
  }
}

/** Keys that are written differently and read the same, such as a and "a", are the same. */
function checkKeys(document: Parameters<typeof visit>[0], add: Add): void {
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>()
      for (const { key } of items) {
        if (!isScalar(key)) continue
        const { value, range } = key
        const name = value === null || value === '' ? '' : `${shown(String(value))} `
        if (seen.has(value)) add(range?.[0] ?? 0, `the key ${name}stands twice`, 'each key once')
        seen.add(value)
      }
    },
  })
}

/** What YAML takes and JSON does not: first what can be pointed at, then whatever is left. */
function checkJson(text: string, document: Parameters<typeof visit>[0], add: Add): void {
  let isFound = false
  visit(document, {
    Collection: (_, { srcToken }) => {
      if (srcToken?.type !== 'flow-collection') return
      const last = srcToken.items.at(-1)
      const comma = last?.key || last?.value ? undefined : last?.start.find(({ type }) => type === 'comma')
      if (!comma) return
      isFound = true
      add(comma.offset, 'a comma before the closing bracket', 'no comma there: this is JSON')
    },
    Scalar: (_, { type, range }) => {
      if (type !== 'QUOTE_SINGLE') return
      isFound = true
      add(range?.[0] ?? 0, 'a text in single quotes', 'double quotes: this is JSON')
    },
  })
  if (isFound || text.trim() === '') return
  try {
    JSON.parse(text)
  } catch {
    add(0, 'this is YAML and not JSON', 'JSON, or a name that ends in .yaml')
  }
}

/** The library's words where they help, ours where a person would not know what to do. */
function explained({ code, message, pos }: YAMLError, text: string): [message: string, expected: string] {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return ['a second document begins', 'one document a file']
    case 'TAB_AS_INDENT':
      return ['a tab stands in the indentation', 'spaces']
    case 'TAG_RESOLVE_FAILED': // Tags have been refused before: this is a word that JSON does not know.
      return [`${shown(/^\S+/.exec(text.slice(pos[0], pos[1]))?.[0] ?? 'this')} is not JSON`, 'a text in double quotes']
    default:
      return [firstLine(message), 'a YAML or JSON document']
  }
}

function firstLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, 160)
}
