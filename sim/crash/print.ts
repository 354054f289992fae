/** The report of an enumeration for a person. */

import type { CrashReport, CrashRow } from './enumerate.js'

/** A screenful; the JSON report has all. */
const SHOWN_VIOLATIONS = 10

const HEADINGS = ['journal', 'node', 'points', 'writes', 'syncs', 'truncates', 'deletes', 'runs', 'violations']
const TEXT_COLUMNS = 2

export function printCrashReport(report: CrashReport): string {
  const lines = [
    '',
    `${mark(report.verdict === 'pass')} ${report.scenario}: ${report.verdict.toUpperCase()}   seed ${report.seed}`,
  ]
  lines.push(
    `  ${report.points} crash points, ${report.runs} crashes and recoveries in ${seconds(report.wallMs)} (${report.runsPerSecond} a second)`,
    '',
    ...table(report.rows.map(cells)),
    '',
  )
  for (const { check, journal, node, step, kind, damage, detail } of report.violations.slice(0, SHOWN_VIOLATIONS)) {
    const where = step === 0 ? `${node} without a cut` : `${node} at ${kind} ${step}, damage ${damage}`
    lines.push(`  ${mark(false)} ${check.padEnd(16)} ${journal}, ${where}: ${detail}`)
  }
  const hidden = report.violations.length - SHOWN_VIOLATIONS
  if (hidden > 0) lines.push(`    and ${hidden} more violations; --json lists them all`)
  const { runs, violations } = report.control
  lines.push(
    `  ${mark(violations > 0)} control without syncing: ${violations} violations in ${runs} crashes (there must be some)`,
  )
  return `${lines.join('\n')}\n`
}

function cells({ journal, node, points, runs, violations, kinds }: CrashRow): readonly string[] {
  const count = (kind: string) => String(kinds[kind] ?? 0)
  const steps = ['write', 'sync', 'truncate', 'delete'].map(count)
  return [journal, node, String(points), ...steps, String(runs), String(violations)]
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = HEADINGS.map((heading, at) => Math.max(heading.length, ...rows.map(row => row[at]!.length)))
  const line = (row: readonly string[]) =>
    `  ${row.map((cell, at) => (at < TEXT_COLUMNS ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')}`.trimEnd()
  return [line(HEADINGS), `  ${widths.map(width => '─'.repeat(width)).join('  ')}`, ...rows.map(line)]
}

function mark(ok: boolean): string {
  return ok ? '✓' : '✗'
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10}s`
}
