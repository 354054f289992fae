/** Reads what people write after options. Each reader takes the option's name, so that a complaint can say where. */

import { readDistance, readDuration } from '../../../scenarios/index.js'

/** Input that cannot be worked with; printed as one line. */
export class UnusableInput extends Error {
  override readonly name = 'UnusableInput'
}

/** Runs a verb: its exit code, or 2 and one line where the input is unusable. */
export function answering(verb: string, body: () => void): number {
  try {
    body()
    return 0
  } catch (error) {
    if (!(error instanceof UnusableInput)) throw error
    process.stderr.write(`${verb}: ${error.message}\n`)
    return 2
  }
}

export function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw unusable(option, text, `a whole number from ${plain(least)} to ${plain(most)}`)
  }
  return value
}

export function oneOf<Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const name = names.find(candidate => candidate === text)
  if (name === undefined) throw unusable(option, text, `one of ${names.join(', ')}`)
  return name
}

/** `600s`, `10m` or a number of milliseconds; to the microsecond. */
export function durationUs(option: string, text: string, mostUs: number): number {
  const ms = readDuration(numeric(text))
  const us = Math.round((ms ?? 0) * 1_000)
  if (ms === null || us <= 0 || us > mostUs) {
    throw unusable(option, text, `a duration such as 300s, up to ${plain(mostUs / 3_600_000_000)} hours`)
  }
  return us
}

/** `1km`, `250m` or a number of metres. */
export function distanceM(option: string, text: string, mostM: number): number {
  const metres = readDistance(numeric(text))
  if (metres === null || metres <= 0 || metres > mostM) {
    throw unusable(option, text, `a distance such as 1km, up to ${plain(mostM / 1_000)} km`)
  }
  return metres
}

/** Rows by columns, `5x5`. */
export function gridSize(option: string, text: string, mostNodes: number): { rows: number; columns: number } {
  const [, rows, columns] = /^(\d+)x(\d+)$/.exec(text) ?? []
  const nodes = Number(rows) * Number(columns)
  if (!(nodes >= 2 && nodes <= mostNodes)) {
    throw unusable(option, text, `rows by columns such as 5x5, 2 to ${plain(mostNodes)} nodes together`)
  }
  return { rows: Number(rows), columns: Number(columns) }
}

function unusable(option: string, text: string, expected: string): UnusableInput {
  return new UnusableInput(`${option} ${JSON.stringify(text)}; expected ${expected}`)
}

/** A text that is a plain number stands for that number, as it does in scenario files. */
function numeric(text: string): string | number {
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
}

function plain(value: number): string {
  return value.toLocaleString('en')
}
