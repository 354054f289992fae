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
    const status = statSync(path)
    if (status.isDirectory()) throw unreadable(path, 'it is a directory')
    if (status.size > BOUNDS.fileBytes) throw unreadable(path, `it is larger than ${BOUNDS.fileBytes} bytes`)
    bytes = readFileSync(path)
  } catch (error) {
    if (error instanceof ScenarioError) throw error
    throw unreadable(path, reason(error))
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(path, 'it is not UTF-8')
  }
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'it does not exist'
    case 'EACCES':
      return 'this user may not read it'
    default:
      return error.message
  }
}

function unreadable(file: string, reason: string): ScenarioError {
  return new ScenarioError([
    { file, line: 1, column: 1, message: `the file cannot be read: ${reason}`, expected: 'a scenario file' },
  ])
}
