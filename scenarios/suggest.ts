/** Which of the known words somebody may have meant. */

/** The nearest name first, then enough others to see what they look like. @param where they would be listed */
export function known(name: string, all: readonly string[], where: string): string {
  if (all.length === 0) return `a name listed under ${where}`
  const meant = nearest(name, all)
  const ordered = meant === undefined ? all : [meant, ...all.filter(other => other !== meant)]
  return `one of ${ordered.slice(0, KNOWN_SHOWN).join(', ')}${ordered.length > KNOWN_SHOWN ? ' …' : ''}`
}

const KNOWN_SHOWN = 6

/** The nearest word when one is near: at most a third of its letters differ, or one letter of a short word. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  return known
    .map(candidate => ({ candidate, most: Math.max(1, Math.floor(candidate.length / 3)) }))
    .filter(({ candidate, most }) => Math.abs(candidate.length - word.length) <= most)
    .map(({ candidate, most }) => ({ candidate, most, distance: editDistance(word.toLowerCase(), candidate) }))
    .filter(({ distance, most }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)[0]?.candidate
}

/** Letters to insert, remove, replace or swap with their neighbour. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, at) => at)]
  for (let row = 1; row <= from.length; row++) {
    const now = [row]
    for (let at = 1; at <= to.length; at++) {
      const isSame = from[row - 1] === to[at - 1]
      let least = Math.min(rows[row - 1]![at]! + 1, now[at - 1]! + 1, rows[row - 1]![at - 1]! + (isSame ? 0 : 1))
      const isSwapped = row > 1 && at > 1 && from[row - 1] === to[at - 2] && from[row - 2] === to[at - 1]
      if (isSwapped) least = Math.min(least, rows[row - 2]![at - 2]! + 1)
      now.push(least)
    }
    rows.push(now)
  }
  return rows[from.length]![to.length]!
}
