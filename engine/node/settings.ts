/** Settings come from code that may be untyped: what is none of the choices is refused, not taken for one of them. */

import { ThicketError } from '../core/index.js'

export function oneOf<Choice extends string>(setting: string, got: Choice, choices: readonly Choice[]): Choice {
  if (choices.includes(got)) return got
  throw new ThicketError('invalid-setting', `${setting} is one of ${choices.join(', ')}`, { setting, got })
}
