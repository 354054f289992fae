/**
 * Churn as a plan: at which moments which of so many nodes lose power. Crashes come as a Poisson process, each takes one of
 * the nodes that churn has left in peace, and the plan depends on nothing that happens in the run, so that every world can
 * follow the same one.
 */

export interface Churn {
  readonly atMs: number
  /** How long crashes are drawn for, beginning at `atMs`. */
  readonly lengthMs: number
  /** Of all nodes together. */
  readonly ratePerHour: number
  readonly downForMs: number
  readonly nodes: number
}

export interface PlannedCrash {
  /** To the microsecond. */
  readonly atMs: number
  /** Which of the nodes. */
  readonly node: number
}

const HOUR_MS = 3_600_000

/** @param random uniform in [0, 1) */
export function planChurn(
  { atMs, lengthMs, ratePerHour, downForMs, nodes }: Churn,
  random: () => number,
): PlannedCrash[] {
  const crashes: PlannedCrash[] = []
  const backAtMs = new Array<number>(nodes).fill(0)
  let passedMs = 0
  for (;;) {
    // The logarithm may differ in its last bits from one machine to another, and is rounded before it decides anything.
    passedMs += Math.round(((-Math.log(1 - random()) * HOUR_MS) / ratePerHour) * 1_000) / 1_000
    if (passedMs >= lengthMs) return crashes
    const draw = random()
    const up = backAtMs.flatMap((backMs, node) => (backMs <= passedMs ? [node] : []))
    const node = up[Math.floor(draw * up.length)]
    // When all of them are down already, nobody is left to crash.
    if (node === undefined) continue
    backAtMs[node] = passedMs + downForMs
    crashes.push({ atMs: Math.round((atMs + passedMs) * 1_000) / 1_000, node })
  }
}
