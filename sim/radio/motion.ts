/**
 * Where a node is at a moment. Nothing steps: the way is a list of straight legs, worked out once, and a place is computed
 * when somebody asks for it.
 *
 * A waypoint begins at its moment wherever the node is then, so a leg may end early. A node that is moved at once (the
 * fault) stays there until its next waypoint begins; the leg it was on is over.
 */

import { invariant } from '../../engine/core/index.js'
import { msToUs } from '../kernel/index.js'
import type { Place, Waypoint } from './air.js'
import { distanceM, towards } from './geometry.js'

interface Leg {
  readonly fromUs: number
  /** When the node has arrived, or a later waypoint takes over. */
  readonly untilUs: number
  readonly from: Place
  readonly to: Place
  readonly speedMps: number
}

export class Motion {
  /** Metres per second of the fastest waypoint, so of anything this node ever does but jump. */
  readonly topSpeedMps: number
  readonly #waypoints: readonly Waypoint[]
  /** Ascending in time and without overlap; between two legs the node stands where the first one left it. */
  #legs: readonly Leg[]
  #start: Place

  constructor(at: Place, waypoints: readonly Waypoint[] = []) {
    for (const { speedMps } of waypoints) invariant(speedMps > 0, 'a waypoint is walked to at some speed')
    this.#waypoints = [...waypoints].sort((left, right) => left.atMs - right.atMs)
    this.#start = at
    this.#legs = legsFrom(at, this.#waypoints)
    this.topSpeedMps = Math.max(0, ...waypoints.map(({ speedMps }) => speedMps))
  }

  at(timeUs: number): Place {
    let place = this.#start
    for (const leg of this.#legs) {
      if (timeUs < leg.fromUs) break
      place = placeOn(leg, timeUs)
    }
    return place
  }

  /** Whether the node stands where it is from this moment to the end of the run, unless it is moved at once. */
  isSettled(timeUs: number): boolean {
    const last = this.#legs.at(-1)
    return last === undefined || timeUs >= last.untilUs
  }

  /** Moves the node at once. */
  jump(timeUs: number, to: Place): void {
    this.#start = to
    this.#legs = legsFrom(
      to,
      this.#waypoints.filter(({ atMs }) => msToUs(atMs) > timeUs),
    )
  }
}

function legsFrom(at: Place, waypoints: readonly Waypoint[]): Leg[] {
  const legs: Leg[] = []
  let from = at
  for (const [index, { atMs, to, speedMps }] of waypoints.entries()) {
    const fromUs = msToUs(atMs)
    const next = waypoints[index + 1]
    const arrivalUs = fromUs + Math.ceil((distanceM(from, to) / speedMps) * 1_000_000)
    const untilUs = next === undefined ? arrivalUs : Math.min(arrivalUs, msToUs(next.atMs))
    const leg: Leg = { fromUs, untilUs, from, to, speedMps }
    legs.push(leg)
    from = placeOn(leg, untilUs)
  }
  return legs
}

function placeOn({ fromUs, untilUs, from, to, speedMps }: Leg, timeUs: number): Place {
  const walkedUs = Math.min(timeUs, untilUs) - fromUs
  return towards(from, to, (speedMps * walkedUs) / 1_000_000)
}
