/** What is wrong with a scenario file, each with its place and what was expected there. */

import type { Position } from './types.js'

export interface Problem extends Position {
  readonly file: string
  readonly message: string
  readonly expected: string
}

/** Thrown before anything runs. The first line is the first problem in the order of the file. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(problemLine).join('\n'))
    this.problems = problems
  }

  override toString(): string {
    return this.message
  }
}

export function problemLine({ file, line, column, message, expected }: Problem): string {
  return `${file}:${line}:${column}: ${message}; expected ${expected}`
}

/** Gathers problems, so that a person learns of all of them at once. */
export class Problems {
  readonly file: string
  readonly #found: Problem[] = []

  constructor(file: string) {
    this.file = file
  }

  add(at: Position, message: string, expected: string): void {
    if (!this.isFull) {
      this.#found.push({ file: this.file, line: at.line, column: at.column, message, expected })
    }
  }

  get any(): boolean {
    return this.#found.length > 0
  }

  /** Nothing more will be told: what would be dear to say need not be worked out. */
  get isFull(): boolean {
    return this.#found.length >= MAX_PROBLEMS
  }

  /** Throws when there are any, in the order of the file. */
  raise(): void {
    if (!this.any) return
    throw new ScenarioError([...this.#found].sort((a, b) => a.line - b.line || a.column - b.column))
  }
}

/** A file that is wholly wrong need not be told so on every line. */
const MAX_PROBLEMS = 100
