/**
 * Network faults overlap: a link may be cut by a partition and clogged at once, and heals only when the last of them
 * ends. Each direction keeps the faults that hold it; the strongest decides.
 */

/** What faults do to the network; the world's links satisfy it. */
export interface LinkControl {
  pairs(): readonly (readonly [number, number])[]
  /** Radios go silent between the two while the fault lasts. */
  block?(affects: (from: number, to: number) => boolean): () => void
  setLink(a: number, b: number, state: 'up' | 'down' | 'stalled', which: 'both' | 'forward'): void
}

type Hold = 'down' | 'stalled'

export class NetworkFaults {
  readonly #links: LinkControl
  /** Faults that hold a direction, by `from>to`. */
  readonly #holds = new Map<string, Map<symbol, Hold>>()

  constructor(links: LinkControl) {
    this.#links = links
  }

  /** Begins a fault on every direction that it names; the function returned ends it. */
  begin(hold: Hold, affects: (from: number, to: number) => boolean): () => void {
    const fault = Symbol(hold)
    const directions = this.#links
      .pairs()
      .flatMap(([a, b]): (readonly [number, number])[] => [
        [a, b],
        [b, a],
      ])
      .filter(([from, to]) => affects(from, to))
    const unblock = this.#links.block?.(affects)
    for (const [from, to] of directions) {
      this.#holdsOf(from, to).set(fault, hold)
      this.#apply(from, to)
    }
    return () => {
      unblock?.()
      for (const [from, to] of directions) {
        this.#holdsOf(from, to).delete(fault)
        this.#apply(from, to)
      }
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
    const holds = [...this.#holdsOf(from, to).values()]
    const state = holds.includes('down') ? 'down' : holds.includes('stalled') ? 'stalled' : 'up'
    this.#links.setLink(from, to, state, 'forward')
  }

  #holdsOf(from: number, to: number): Map<symbol, Hold> {
    const key = `${from}>${to}`
    const known = this.#holds.get(key)
    if (known) return known
    const holds = new Map<symbol, Hold>()
    this.#holds.set(key, holds)
    return holds
  }
}
