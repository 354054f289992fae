/** What ends a node's process from outside: the first signal in order, the second at once. */

import { constants } from 'node:os'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

export interface Signals {
  /** Resolves with the name of the first signal. */
  readonly stop: Promise<string>
  /** From here on signals do what they do in any process. */
  release(): void
}

export function listenForSignals(): Signals {
  let isStopping = false
  let tell: (signal: string) => void = () => {}
  const stop = new Promise<string>(resolve => {
    tell = resolve
  })
  const onSignal = (signal: NodeJS.Signals): void => {
    // By custom a process that a signal ended says so by this code.
    if (isStopping) process.exit(128 + constants.signals[signal])
    isStopping = true
    tell(signal)
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    stop,
    release() {
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}
