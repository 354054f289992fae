/** Which operations a compact dependency may mean, the likeliest first, and the combinations to try of several. */

import type { OperationId } from '../core/index.js'
import type { CompactDependency } from './compact.js'
import { CODE_RANGE, type CompactLookup, firstSeqNumOfCode, type KnownAuthor, type Missing } from './compact-lookup.js'

export interface DependencyChoices {
  readonly held: readonly OperationId[]
  readonly missing: readonly Missing[]
}

/**
 * How far beyond the known end of a log a dependency is looked for. Whoever missed more of an author than this waits
 * until it hears of the heights.
 */
const LOOK_AHEAD = 256
/** Choices kept of one dependency: with more, combinations would run out before they are tried. */
const MAX_CHOICES = 16

interface Candidate {
  readonly known: KnownAuthor
  readonly seqNum: number
  readonly id: OperationId
  readonly timestamp: bigint
  /** It was the last of its log when the operation was made, as far as is known here. */
  readonly wasTip: boolean
}

/** @param timestamp of the operation that depends */
export function dependencyChoices(
  dependency: CompactDependency,
  lookup: CompactLookup,
  timestamp: bigint,
): DependencyChoices {
  if (dependency.type === 'id') return { held: [dependency.id], missing: [] }
  const candidates: Candidate[] = []
  const missing: (Missing & { readonly beyond: number })[] = []
  for (const [known, seqNum] of placesOf(dependency, lookup)) {
    const id = lookup.idOf(known.author, seqNum)
    if (id === null) missing.push({ tag: known.tag, author: known.author, seqNum, beyond: seqNum - known.exists })
    else candidates.push(candidate(known, seqNum, id, lookup, timestamp))
  }
  const ordered = candidates.length < 2 ? candidates : candidates.sort((a, b) => byLikelihood(a, b, timestamp))
  // What is known to exist before what may, and each nearest to the end of its log first; sorting keeps other orders.
  missing.sort((a, b) => Number(a.beyond > 0) - Number(b.beyond > 0) || Math.abs(a.beyond) - Math.abs(b.beyond))
  return {
    held: ordered.slice(0, MAX_CHOICES).map(({ id }) => id),
    missing: missing.slice(0, MAX_CHOICES).map(({ tag, author, seqNum }) => ({ tag, author, seqNum })),
  }
}

function placesOf(
  dependency: Exclude<CompactDependency, { readonly type: 'id' }>,
  lookup: CompactLookup,
): (readonly [KnownAuthor, number])[] {
  if (dependency.type === 'place') {
    return lookup.authorsOfTag(dependency.tag).map(known => [known, dependency.seqNum] as const)
  }
  const places: (readonly [KnownAuthor, number])[] = []
  for (const known of lookup.authors()) {
    const first = firstSeqNumOfCode(known.tag, dependency.code)
    for (let seqNum = first; seqNum <= known.exists + LOOK_AHEAD; seqNum += CODE_RANGE) places.push([known, seqNum])
  }
  return places
}

function candidate(
  known: KnownAuthor,
  seqNum: number,
  id: OperationId,
  lookup: CompactLookup,
  timestamp: bigint,
): Candidate {
  const next = lookup.timestampOf(known.author, seqNum + 1)
  return {
    known,
    seqNum,
    id,
    timestamp: lookup.timestampOf(known.author, seqNum) ?? 0n,
    wasTip: next === null || next > timestamp,
  }
}

/** Made before the operation; the last of its log then; lately. The order of authors and numbers breaks ties. */
function byLikelihood(left: Candidate, right: Candidate, timestamp: bigint): number {
  const [leftBefore, rightBefore] = [left.timestamp <= timestamp, right.timestamp <= timestamp]
  if (leftBefore !== rightBefore) return leftBefore ? -1 : 1
  if (left.wasTip !== right.wasTip) return left.wasTip ? -1 : 1
  if (left.timestamp !== right.timestamp) return left.timestamp > right.timestamp ? -1 : 1
  if (left.known.author !== right.known.author) return left.known.author < right.known.author ? -1 : 1
  return left.seqNum - right.seqNum
}

/** One of each, those first whose choices together lie least far from the likeliest; nothing when one has no choice. */
export function* combinations<Choice>(choices: readonly (readonly Choice[])[]): Generator<readonly Choice[]> {
  if (choices.some(({ length }) => length === 0)) return
  /** Steps that can be taken from this place on. */
  const spare = [0]
  for (let at = choices.length - 1; at >= 0; at--) spare.unshift(spare[0]! + choices[at]!.length - 1)
  for (let steps = 0; steps <= spare[0]!; steps++) yield* withSteps(choices, spare, steps, [])
}

function* withSteps<Choice>(
  choices: readonly (readonly Choice[])[],
  spare: readonly number[],
  steps: number,
  chosen: readonly Choice[],
): Generator<readonly Choice[]> {
  const at = chosen.length
  if (at === choices.length) yield chosen
  else if (spare[at] === 0) yield [...chosen, ...choices.slice(at).map(([likeliest]) => likeliest!)]
  else {
    const most = Math.min(steps, choices[at]!.length - 1)
    for (let step = Math.max(0, steps - spare[at + 1]!); step <= most; step++) {
      yield* withSteps(choices, spare, steps - step, [...chosen, choices[at]![step]!])
    }
  }
}
