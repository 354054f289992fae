/**
 * A loop that always finds something to do runs on microtasks alone and would keep timers and sockets from their turn.
 * Every so many steps such a loop waits for a turn of the world.
 */

import type { Clock } from '../ports.js'

export interface Turns {
  take(): Promise<void>
}

/** Steps between two turns: few enough for a socket, many enough to cost nothing. */
const STEPS_PER_TURN = 64

export function createTurns(clock: Clock): Turns {
  let steps = 0
  return {
    async take() {
      steps += 1
      if (steps % STEPS_PER_TURN !== 0) return
      await new Promise<void>(resolve => {
        clock.after(0, resolve)
      })
    },
  }
}
