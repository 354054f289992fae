/** Rules between neighbouring keys, as the JSON Schema says them. The reader checks the same and says it in words. */

import type { JsonSchema } from './shape.js'

/** One of these keys, and no other of them. */
export const exactlyOne = (keys: readonly string[]): JsonSchema => ({ oneOf: keys.map(key => ({ required: [key] })) })

/** None of these keys together. */
export const neverTogether = (groups: readonly (readonly string[])[]): JsonSchema => ({
  not: { anyOf: groups.map(keys => ({ required: keys })) },
})

/** Every two of these keys. */
export function pairsOf(keys: readonly string[]): readonly (readonly string[])[] {
  return keys.flatMap((key, index) => keys.slice(index + 1).map(other => [key, other]))
}

/** Where this key is, none of the others. */
export const alone = (key: string, others: readonly string[]): JsonSchema =>
  neverTogether(others.map(other => [key, other]))
