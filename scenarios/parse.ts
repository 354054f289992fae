/** Text to scenario. YAML or JSON (which is YAML); everything wrong is found before anything runs. */

import { buildScenario } from './build.js'
import { checkEveryDraw } from './draw.js'
import { scenarioShape } from './format.js'
import { deepFreeze } from './freeze.js'
import { Problems } from './problems.js'
import type { Scenario } from './types.js'
import { readSource } from './yaml-source.js'

/** @param file its name, for messages; one that ends in .json is held to JSON @throws ScenarioError with every problem found */
export function parseScenario(text: string, file: string): Scenario {
  const problems = new Problems(file)
  const start = { line: 1, column: 1 }
  // An editor may have put a mark before the text that is no part of it.
  const { root, lines } = readSource(text.replace(/^\uFEFF/, ''), file, problems)
  if (root === null) problems.add(start, 'the file is empty', scenarioShape.expected)
  problems.raise()
  const written = scenarioShape.read(root, start, { problems, lines })
  problems.raise()
  const scenario = buildScenario(written!, file, problems)
  problems.raise()
  checkEveryDraw(scenario)
  return deepFreeze(scenario)
}
