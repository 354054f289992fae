import { setTimeout as sleep } from 'node:timers/promises'
import { SOON_MS } from './limits.js'

const POLL_MS = 25

/** Resolves when the condition holds; rejects with what was waited for. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = SOON_MS): Promise<void> {
  for (const startMs = performance.now(); !(await isSo()); ) {
    if (performance.now() - startMs > limitMs) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await sleep(POLL_MS)
  }
}

export function expectSame(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [text(actual), text(expected)]
  if (got !== wanted) throw new Error(`${what}: got ${shortened(got)}, expected ${shortened(wanted)}`)
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return Number(part)
    if (part instanceof Map) return { map: [...part.entries()] }
    if (part instanceof Uint8Array) return { bytes: [...part] }
    return part
  })
}

function shortened(value: string): string {
  return value.length > 300 ? `${value.slice(0, 300)}…` : value
}
