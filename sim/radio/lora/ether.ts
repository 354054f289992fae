/**
 * What the LoRa radios of a world have in common whatever their kind: a frame of one kind is felt at the stations of every
 * other kind whose channel overlaps. Each kind has its own air and joins here; a world of one kind pays nothing for it.
 *
 * A way between kinds loses what the sender's kind loses over it. Hills and fading are drawn from one stream for all kinds
 * by the names of both nodes, so that the ways there and back are alike.
 */

import { type Kernel, roundDb } from '../../kernel/index.js'
import { createPairs } from '../pair-chance.js'
import { CAPTURE_BEFORE_LOCK_DB } from './capture.js'
import type { Field } from './field.js'
import { overlapDb, spreadingFactorSeen } from './interference.js'
import { isolationDb } from './isolation.js'
import { Paths } from './paths.js'
import type { LoraSpec } from './spec.js'
import type { Flight, Intrusion, Station } from './station.js'
import { Terrain } from './terrain.js'

/** What the ether has to know of the air of one kind. */
export interface EtherMember {
  readonly spec: LoraSpec
  readonly field: Field<Station>
  /** Of its own frames, the weakest level that can be received. */
  readonly weakestDbm: number
  isBlocked(from: number, to: number): boolean
}

/** From one kind to another. */
interface Leak {
  readonly to: EtherMember
  readonly asSf: number | null
  readonly paths: Paths<Station>
}

/** So many decibels below what alone would do harm, an interferer still counts: four such together do. */
const TOGETHER_DB = 6

export class LoraEther {
  readonly #kernel: Kernel
  readonly #leaks = new Map<EtherMember, Leak[]>()
  #terrain: Terrain | null = null

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  join(member: EtherMember): void {
    const leaks: Leak[] = []
    for (const [other, othersLeaks] of this.#leaks) {
      const [there, back] = [this.#leak(member, other), this.#leak(other, member)]
      if (there) leaks.push(there)
      if (back) othersLeaks.push(back)
    }
    this.#leaks.set(member, leaks)
  }

  /** A frame of a member begins, and with it what it does to others. */
  begin(member: EtherMember, flight: Flight): void {
    for (const { to, asSf, paths } of this.#leaks.get(member)!) {
      const twin = to.field.post(flight.from.node)
      // Beside its own transmitter a receiver hears nothing else.
      if (twin) intrude({ flight, at: twin, rssiDbm: roundDb(member.spec.powerDbm), asSf, isOwn: true })
      for (const { post: at, rssiDbm, fading } of paths.audible(flight.from)) {
        if (to.isBlocked(flight.from.node, at.node)) continue
        const heardDbm = fading ? roundDb(rssiDbm + fading.db(this.#kernel.nowUs)) : rssiDbm
        intrude({ flight, at, rssiDbm: heardDbm, asSf, isOwn: false })
      }
    }
  }

  /** A frame is over, whole or broken off. */
  end(flight: Flight): void {
    for (const intrusion of flight.intrusions) {
      const { intrusions } = intrusion.at
      intrusions.splice(intrusions.indexOf(intrusion), 1)
    }
  }

  #leak(from: EtherMember, to: EtherMember): Leak | null {
    const withinDb = overlapDb(to.spec, from.spec)
    if (withinDb === null) return null
    const asSf = spreadingFactorSeen(to.spec, from.spec)
    this.#terrain ??= new Terrain(createPairs(this.#kernel.random('radio/interference')))
    const paths = new Paths<Station>({
      kernel: this.#kernel,
      spec: { ...from.spec, powerDbm: roundDb(from.spec.powerDbm + withinDb) },
      terrain: this.#terrain,
      from: from.field,
      to: to.field,
      weakestDbm: to.weakestDbm - spareDb(to.spec, asSf),
    })
    return { to, asSf, paths }
  }
}

/**
 * How far below the weakest frame that can be received an interferer may lie and still harm it. One of another chirp rate
 * has to be stronger than that frame by the isolation, so this is far above it.
 */
function spareDb({ spreadingFactor }: LoraSpec, asSf: number | null): number {
  return asSf === null ? CAPTURE_BEFORE_LOCK_DB : TOGETHER_DB + isolationDb(spreadingFactor, asSf)
}

function intrude(intrusion: Intrusion & { readonly flight: Flight }): void {
  const { flight, at, asSf, isOwn } = intrusion
  for (const reception of at.hearing) {
    if (asSf === null) reception.others.push(intrusion)
    else reception.strangers.push({ ...intrusion, asSf })
    if (isOwn) reception.isDeaf = true
  }
  at.intrusions.push(intrusion)
  flight.intrusions.push(intrusion)
}
