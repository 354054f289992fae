/** Reads a scenario file. A file that cannot be read is a problem of its first line. */

import { readFileSync, statSync } from 'node:fs'
import { BOUNDS } from './defaults.js'
import { parseScenario } from './parse.js'
import { ScenarioError } from './problems.js'
import type { Scenario } from './types.js'

export function loadScenarioFile(path: string): Scenario {
  return parseScenario(readText(path), path)
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    if (statSync(path).size > BOUNDS.fileBytes) throw new Error(`it is larger than ${BOUNDS.fileBytes} bytes`)
    bytes = readFileSync(path)
  } catch (error) {
    throw unreadable(path, error instanceof Error ? error.message : String(error))
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(path, 'it is not UTF-8')
  }
}

function unreadable(file: string, reason: string): ScenarioError {
  return new ScenarioError([
    { file, line: 1, column: 1, message: `the file cannot be read: ${reason}`, expected: 'a scenario file' },
  ])
}
