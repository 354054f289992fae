/** What ends a node's process from outside: the first signal in order, the second at once. */

import type { EventEmitter } from 'node:events'
import { constants } from 'node:os'
import { SIGNAL_ECHO_MS } from './limits.js'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
type StopSignal = (typeof SIGNALS)[number]

export interface SignalWorld {
  readonly source: Pick<EventEmitter, 'on'>
  nowMs(): number
  exit(code: number): void
}

const PROCESS: SignalWorld = {
  source: process,
  nowMs: () => performance.now(),
  exit: code => process.exit(code),
}

/** Resolves with the name of the first signal. */
export function firstSignal({ source, nowMs, exit }: SignalWorld = PROCESS): Promise<StopSignal> {
  return new Promise(resolve => {
    let firstAtMs: number | null = null
    for (const signal of SIGNALS) {
      source.on(signal, () => {
        if (firstAtMs === null) {
          firstAtMs = nowMs()
          resolve(signal)
        } else if (nowMs() - firstAtMs >= SIGNAL_ECHO_MS) {
          // By custom a process that a signal ended says so by this code.
          exit(128 + constants.signals[signal])
        }
      })
    }
  })
}
