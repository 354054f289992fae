/** `thicket node`. Its libraries (logs, metrics, YAML) are loaded when it runs, and by nothing else. */

import type { SettingKey } from './settings.js'

export interface NodeArguments {
  /** By name without dashes, as written; one that may be repeated is a list. What is wrong is told by the verb. */
  readonly flags: { readonly [Key in SettingKey]?: string | boolean | readonly string[] | undefined }
  readonly config?: string
}

export async function nodeVerb(args: NodeArguments): Promise<number> {
  const { runNodeVerb } = await import('./node-verb.js')
  return runNodeVerb(args)
}
