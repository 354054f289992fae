/** Draws from lists whose order is known, so that the same chance gives the same choice. */

/** Uniform in [0, 1). */
export type Chance = () => number

/** One of those that pass, or null when none does. */
export function pick<Item>(items: readonly Item[], chance: Chance, passes: (item: Item) => boolean): Item | null {
  const left = items.filter(passes)
  return left.length === 0 ? null : left[Math.floor(chance() * left.length)]!
}

/** At most `count` different ones of those that pass, in an order of chance. */
export function sample<Item>(
  items: readonly Item[],
  count: number,
  chance: Chance,
  passes: (item: Item) => boolean = () => true,
): readonly Item[] {
  const left = items.filter(passes)
  const drawn: Item[] = []
  while (drawn.length < count && left.length > 0) {
    const at = Math.floor(chance() * left.length)
    drawn.push(left[at]!)
    // The last takes the place of the drawn one: no shifting, and the order stays a matter of chance alone.
    left[at] = left[left.length - 1]!
    left.pop()
  }
  return drawn
}

/** Between a half and one and a half times as long, so that nodes that began together drift apart. */
export function jittered(ms: number, chance: Chance): number {
  return ms * (0.5 + chance())
}
