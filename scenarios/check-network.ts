/** What only the whole scenario can tell of large overlays: who knows whom at the start, and how many crashes churn makes. */

import { BOUNDS } from './defaults.js'
import { expandNode, type Names } from './names.js'
import type { Problems } from './problems.js'
import type { DrawnScenario, ExpectationOf, FaultOf } from './types.js'

type CheckList = (references: NodeReferences, names: Names, problems: Problems) => boolean
type NodeReferences = DrawnScenario['nodes'][number]['bootstrap']

export function checkBootstraps(
  { nodes, network }: DrawnScenario,
  names: Names,
  problems: Problems,
  checkList: CheckList,
): void {
  let total = 0
  for (const node of nodes) {
    const [first] = node.bootstrap
    if (first === undefined) continue
    if (network.reach === 'links') {
      problems.add(first, 'who meets at links alone needs no address', 'network: { reach: all } beside bootstrap')
      return
    }
    if (!checkList(node.bootstrap, names, problems)) continue
    const told = node.bootstrap.flatMap(reference => names.resolve(reference) ?? [])
    // In a group one may be the address of the others; a node that knows itself alone is a mistake.
    const own = expandNode(node)
    if (own.length === 1 && told.length === 1 && told[0] === own[0])
      problems.add(first, `${node.name} has its own address alone`, 'the names of other nodes')
    total += told.length * own.length
    if (total <= BOUNDS.bootstraps) continue
    problems.add(first, `with these ${total} addresses or more are known`, `at most ${BOUNDS.bootstraps} of all nodes`)
    return
  }
}

export function checkChurn(
  fault: FaultOf<number> & { readonly type: 'churn' },
  { durationMs }: DrawnScenario,
  problems: Problems,
): void {
  const lengthMs = Math.min(fault.forMs ?? durationMs, Math.max(0, durationMs - fault.atMs))
  const crashes = Math.round((fault.ratePerHour * lengthMs) / HOUR_MS)
  if (crashes <= BOUNDS.churnCrashes) return
  problems.add(fault, `this churn makes some ${crashes} crashes`, `at most ${BOUNDS.churnCrashes}`)
}

export function checkOverlayExpectation(
  expectation: ExpectationOf<number>,
  { topics }: DrawnScenario,
  problems: Problems,
): void {
  if (expectation.type !== 'overlay-connected' || topics.length > 0) return
  problems.add(expectation, 'an overlay joins the subscribers of a topic, and there is none', 'a topic')
}

const HOUR_MS = 3_600_000
