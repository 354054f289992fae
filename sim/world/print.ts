/** The report for a person: a verdict first, then what was expected, then who stands where. */

import { humanDuration, type Report } from './report.js'

export function printReport(report: Report): string {
  const lines: string[] = []
  const isTrue = report.fingerprint === null
  const speed = report.wallMs > 0 ? ` (${Math.round(report.simulatedMs / report.wallMs)} times real time)` : ''
  lines.push('')
  lines.push(
    `${mark(report.verdict === 'pass')} ${report.scenario}: ${report.verdict.toUpperCase()}   seed ${report.seed}`,
  )
  if (report.reason) lines.push(`  ${report.reason}`)
  lines.push(
    isTrue
      ? `  ${humanDuration(report.simulatedMs)} of real time, ${humanDuration(report.wallMs)} with starting and ending ${report.nodes.length} processes`
      : `  ${humanDuration(report.simulatedMs)} simulated in ${humanDuration(report.wallMs)}${speed}, ${grouped(report.events)} events`,
  )
  lines.push('')
  for (const { name, ok, detail } of report.expectations) lines.push(`  ${mark(ok)} ${name.padEnd(16)} ${detail}`)
  for (const { check, node, atMs, detail } of report.violations.slice(0, SHOWN_VIOLATIONS)) {
    lines.push(`  ${mark(false)} ${check.padEnd(16)} ${node} at ${humanDuration(atMs)}: ${detail}`)
  }
  const hidden = report.violations.length - SHOWN_VIOLATIONS
  if (hidden > 0) lines.push(`    and ${hidden} more violations; --json lists them all`)
  lines.push('')
  lines.push(...table(NODE_HEADINGS, report.nodes.map(nodeCells)))
  lines.push('')
  const { sessions, operations, bytes } = report.sync
  lines.push(
    `  sync: ${grouped(sessions)} sessions, ${grouped(operations)} operations, ${humanBytes(bytes)} on the links`,
  )
  const { waiting, waived } = report.ordering
  if (waiting + waived > 0) {
    lines.push(
      `  order: ${grouped(waiting)} operations wait for others, ${grouped(waived)} went on without what nobody can bring`,
    )
  }
  if (report.network) lines.push(...networkLines(report.network))
  if (report.radio) lines.push(...radioLines(report.radio))
  if (report.deliveryMs) {
    const { p50, p90, max } = report.deliveryMs
    lines.push(
      `  published to processed: half within ${humanDuration(p50)}, 90 % within ${humanDuration(p90)}, all within ${humanDuration(max)}`,
    )
  }
  if (report.fingerprint !== null) lines.push(`  fingerprint ${report.fingerprint}`)
  return `${lines.join('\n')}\n`
}

function networkLines({ sessionsPerNode, bytesByProtocol }: NonNullable<Report['network']>): readonly string[] {
  const { mean, max } = sessionsPerNode
  const parts = Object.entries(bytesByProtocol).map(([name, bytes]) => `${name} ${humanBytes(bytes)}`)
  return [
    `  network: ${mean} sessions a node in the mean, ${max} at the most`,
    ...(parts.length > 0 ? [`    ${parts.join(', ')}`] : []),
  ]
}

function radioLines(radio: NonNullable<Report['radio']>): readonly string[] {
  const { frames, bytes, airtimeMs, receptions, losses, maxDutyCycle, overFloor, airtimeOverFloor } = radio
  const classes = Object.entries(radio.bytesByClass)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind} ${humanBytes(count)}`)
  const lines = [
    `  air: ${grouped(frames)} frames, ${humanBytes(bytes)}, ${humanDuration(airtimeMs)} on the air; the busiest node ${Math.round(maxDutyCycle * 10_000) / 100} % of an hour`,
    `    ${grouped(receptions)} receptions; lost to noise ${grouped(losses.weak)}, collisions ${grouped(losses.collision)}, own sending ${grouped(losses.halfDuplex)}, chance ${grouped(losses.random)}; held by law ${grouped(losses.dutyCycleHeld)}`,
    `    ${classes.join(', ')}`,
  ]
  if (overFloor !== null && airtimeOverFloor !== null) {
    lines.push(
      `    ${overFloor} times the bytes and ${airtimeOverFloor} times the airtime that the operations need at least`,
    )
  }
  return lines
}

/** A screenful; the JSON report has all. */
const SHOWN_VIOLATIONS = 10

const NODE_HEADINGS = ['node', 'id', 'operations', 'delivered', 'acked', 'crashes', 'state']

function nodeCells(node: Report['nodes'][number]): readonly string[] {
  return [
    node.name,
    node.id.slice(0, 8),
    grouped(node.operations),
    grouped(node.delivered),
    grouped(node.acked),
    node.crashes === 0 ? '-' : String(node.crashes),
    node.stateHash.slice(0, 8),
  ]
}

/** Names to the left, numbers to the right. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const isText = (column: number) => column < 2 || column === headings.length - 1
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map(row => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => (isText(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')}`.trimEnd()
  return [line(headings), `  ${widths.map(width => '─'.repeat(width)).join('  ')}`, ...rows.map(line)]
}

function mark(ok: boolean): string {
  return ok ? '✓' : '✗'
}

/** Thousands set apart by a narrow gap that every terminal has. */
function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

function humanBytes(bytes: number): string {
  if (bytes < 10_000) return `${bytes} bytes`
  if (bytes < 10_000_000) return `${Math.round(bytes / 100) / 10} kB`
  return `${Math.round(bytes / 100_000) / 10} MB`
}
