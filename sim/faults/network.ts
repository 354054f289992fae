/**
 * Network faults overlap: a link may be cut by a partition and clogged at once, and heals only when the last of them
 * ends. Each direction keeps the faults that hold it; the strongest decides.
 */

/** What faults do to the network; the world's links satisfy it. Links may be laid while a fault lasts. */
export interface LinkControl {
  pairs(): readonly (readonly [number, number])[]
  /** Radios go silent between the two while the fault lasts. */
  block?(affects: (from: number, to: number) => boolean): () => void
  setLink(a: number, b: number, state: 'up' | 'down' | 'stalled', which: 'both' | 'forward'): void
}

type Hold = 'down' | 'stalled'
type Direction = readonly [from: number, to: number]

interface Fault {
  readonly hold: Hold
  readonly affects: (from: number, to: number) => boolean
  /** The directions that it holds. */
  readonly directions: Direction[]
}

export class NetworkFaults {
  readonly #links: LinkControl
  /** Those that last, in the order in which they began. */
  readonly #faults = new Set<Fault>()
  /** Faults that hold a direction, by `from>to`. */
  readonly #holds = new Map<string, Set<Fault>>()

  constructor(links: LinkControl) {
    this.#links = links
  }

  /** Begins a fault on every direction that it names; the function returned ends it. */
  begin(hold: Hold, affects: (from: number, to: number) => boolean): () => void {
    const fault: Fault = { hold, affects, directions: [] }
    const unblock = this.#links.block?.(affects)
    this.#faults.add(fault)
    for (const [a, b] of this.#links.pairs()) this.#hold(fault, a, b)
    return () => {
      if (!this.#faults.delete(fault)) return
      unblock?.()
      for (const [from, to] of fault.directions) {
        this.#holdsOf(from, to).delete(fault)
        this.#apply(from, to)
      }
    }
  }

  /** A link is there that was not when the faults began. */
  laid(a: number, b: number): void {
    for (const fault of this.#faults) this.#hold(fault, a, b)
  }

  #hold(fault: Fault, a: number, b: number): void {
    const both: readonly Direction[] = [
      [a, b],
      [b, a],
    ]
    for (const [from, to] of both) {
      const holds = this.#holdsOf(from, to)
      if (holds.has(fault) || !fault.affects(from, to)) continue
      holds.add(fault)
      fault.directions.push([from, to])
      this.#apply(from, to)
    }
  }

  /** Nodes of different groups cannot reach each other; a node in no group reaches nobody. */
  partition(groups: readonly (readonly number[])[]): () => void {
    const groupOf = new Map(groups.flatMap((group, index) => group.map(node => [node, index] as const)))
    return this.begin('down', (from, to) => groupOf.get(from) === undefined || groupOf.get(from) !== groupOf.get(to))
  }

  isolate(nodes: readonly number[]): () => void {
    const isolated = new Set(nodes)
    return this.begin('down', (from, to) => isolated.has(from) || isolated.has(to))
  }

  #apply(from: number, to: number): void {
    const holds = [...this.#holdsOf(from, to)].map(({ hold }) => hold)
    const state = holds.includes('down') ? 'down' : holds.includes('stalled') ? 'stalled' : 'up'
    this.#links.setLink(from, to, state, 'forward')
  }

  #holdsOf(from: number, to: number): Set<Fault> {
    const key = `${from}>${to}`
    const known = this.#holds.get(key)
    if (known) return known
    const holds = new Set<Fault>()
    this.#holds.set(key, holds)
    return holds
  }
}
