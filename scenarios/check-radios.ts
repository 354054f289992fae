/** What only the whole scenario can tell of its radios: who carries which, whether everybody is somewhere, and how loud. */

import { loraBandOf } from './lora-regions.js'
import { expandNode, type Names } from './names.js'
import type { Problems } from './problems.js'
import { known } from './suggest.js'
import type { DrawnScenario, ExpectationOf, NodeOf, RadioOf, Reference } from './types.js'

export function checkRadios(scenario: DrawnScenario, problems: Problems): void {
  const radios = new Map(scenario.radios.map(radio => [radio.name, radio]))
  for (const node of scenario.nodes) {
    const carried = carriedBy(node, radios, problems)
    for (const [reference, radio] of carried) {
      if (!checkPlace(node, reference, radio, problems)) break
      checkRadiation(node, reference, radio, problems)
    }
  }
}

export function checkRadioExpectation(
  expectation: ExpectationOf<number>,
  scenario: DrawnScenario,
  problems: Problems,
): void {
  if (expectation.type !== 'airtime' && expectation.type !== 'over-floor') return
  if (scenario.nodes.some(({ radios }) => radios.length > 0)) return
  problems.add(expectation, `${expectation.type} asks for radios, and no node carries one`, 'a node with radios')
}

export function placedNodes(nodes: readonly NodeOf<number>[]): ReadonlySet<string> {
  return new Set(nodes.filter(({ at, place }) => at || place).flatMap(expandNode))
}

/** Whoever is moved has to be somewhere before. */
export function checkMoved(
  references: readonly Reference[],
  placed: ReadonlySet<string>,
  names: Names,
  problems: Problems,
): void {
  for (const reference of references) {
    const nowhere = names.resolve(reference)?.find(name => !placed.has(name))
    if (nowhere !== undefined)
      problems.add(reference, `${nowhere} is nowhere that it could be moved from`, 'a node with at or place')
  }
}

function carriedBy(
  node: NodeOf<number>,
  radios: ReadonlyMap<string, RadioOf<number>>,
  problems: Problems,
): readonly (readonly [Reference, RadioOf<number>])[] {
  const seen = new Set<string>()
  return node.radios.flatMap(reference => {
    const { name } = reference
    const radio = radios.get(name)
    if (seen.has(name)) problems.add(reference, `${name} is named twice`, 'each radio once')
    else if (!radio) problems.add(reference, `no radio is named ${name}`, known(name, [...radios.keys()], 'radios'))
    const isNew = !seen.has(name)
    seen.add(name)
    return radio && isNew ? [[reference, radio] as const] : []
  })
}

/** Only where distance means nothing need a node be nowhere. */
function checkPlace(node: NodeOf<number>, reference: Reference, radio: RadioOf<number>, problems: Problems): boolean {
  if (node.at || node.place || radio.propagation.model === 'none') return true
  problems.add(reference, `${node.name} carries ${radio.name} and is nowhere`, 'at: [x, y], or place')
  return false
}

/** An antenna with gain radiates more than the radio puts into it, and the law looks at what is radiated. */
function checkRadiation(node: NodeOf<number>, reference: Reference, radio: RadioOf<number>, problems: Problems): void {
  if (radio.type !== 'lora' || radio.region === 'none') return
  const band = loraBandOf(radio.region, radio.frequencyHz, radio.bandwidthHz)
  const eirpDbm = radio.powerDbm + node.antenna.gainDb
  if (!band || eirpDbm <= band.maxEirpDbm) return
  const message = `${node.name} would radiate ${round(eirpDbm)}dBm with its antenna, more than the law of ${radio.region} allows`
  problems.add(reference, message, `power and gain of at most ${band.maxEirpDbm}dBm together`)
}

/** For messages. */
function round(dbm: number): number {
  return Math.round(dbm * 1_000) / 1_000
}
