/** Text to scenario. YAML or JSON (which is YAML); everything wrong is found before anything runs. */

import { LineCounter, type Node, parseDocument, visit } from 'yaml'
import { buildScenario } from './build.js'
import { BOUNDS } from './defaults.js'
import { drawScenario } from './draw.js'
import { scenarioShape } from './format.js'
import { Problems } from './problems.js'
import type { Scenario } from './types.js'

/** @throws ScenarioError with every problem found */
export function parseScenario(text: string, file: string): Scenario {
  const problems = new Problems(file)
  const start = { line: 1, column: 1 }
  if (text.length > BOUNDS.fileBytes) problems.add(start, 'the file is too large', `at most ${BOUNDS.fileBytes} bytes`)
  problems.raise()
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false, version: '1.2' })
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(pos[0])
    problems.add(
      { line: Math.max(1, line), column: Math.max(1, col) },
      message.replace(/\s+/g, ' ').trim(),
      'a YAML or JSON document',
    )
  }
  problems.raise()
  visit(document, {
    Alias: (_, alias) => refuse(alias, 'an alias'),
    Node: (_, node) => {
      if (node.tag && node.range && text[node.range[0]] === '!') refuse(node, 'a tag')
      if ('anchor' in node && node.anchor) refuse(node, 'an anchor')
    },
  })
  problems.raise()
  const written = scenarioShape.read(document.contents as Node | null, start, { problems, lines })
  problems.raise()
  const scenario = buildScenario(written!, file, problems)
  problems.raise()
  // The largest of every range must be possible as well; drawing checks it.
  drawScenario(scenario, () => 1 - Number.EPSILON)
  return deepFreeze(scenario)

  function refuse(node: { readonly range?: readonly number[] | null | undefined }, what: string): void {
    const { line, col } = lines.linePos(node.range?.[0] ?? 0)
    problems.add({ line, column: col }, `${what} has no meaning in a scenario`, 'the value itself')
  }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const item of Object.values(value)) deepFreeze(item)
  }
  return value
}
