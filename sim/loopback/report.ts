/** The report of a run on real processes: the same fields as of a simulated one, without a fingerprint. */

import type { Violation } from '../checks/index.js'
import { type ExpectationResult, percentile, type Report, reportedViolation } from '../world/index.js'
import type { TrueWorld } from './true-world.js'

export function reportOf(
  run: TrueWorld,
  expectations: readonly ExpectationResult[],
  violations: readonly Violation[],
  disagreement: string | null,
): Report {
  const times = [...run.deliveryMs].sort((a, b) => a - b)
  const told = run.nodes.flatMap(node => node.told ?? [])
  const isGood = violations.length === 0 && expectations.every(({ ok }) => ok)
  return {
    thicket: run.version,
    scenario: run.scenario.name,
    seed: run.seed,
    verdict: isGood ? 'pass' : 'fail',
    fingerprint: null,
    simulatedMs: Math.round(run.nowUs / 1_000),
    wallMs: Math.round(performance.now() - run.startedAtMs),
    events: run.messages,
    expectations,
    violations: violations.map(reportedViolation),
    nodes: run.nodes.map(node => ({
      name: node.name,
      id: node.id,
      operations: node.contents.length,
      delivered: node.checks.delivered.size,
      acked: node.checks.acknowledged.size,
      crashes: node.crashes,
      stateHash: node.told?.stateHash ?? '',
      contentHash: node.contentHash,
    })),
    sync: {
      sessions: sum(told.map(({ sync }) => sync.sessions)),
      bytes: run.linkBytes(),
      operations: sum(told.map(({ sync }) => sync.operations)),
    },
    ordering: { waiting: sum(told.map(({ waiting }) => waiting)), waived: sum(told.map(({ waived }) => waived)) },
    network:
      run.overlay === null || run.scenario.network.reach === 'links'
        ? null
        : {
            sessionsPerNode: {
              mean: Math.round(run.overlay.meanSessions * 100) / 100,
              max: Math.max(...run.nodes.map(({ sessions }) => sessions.peak)),
            },
            connectedAtMs: run.overlay.connectedAtUs === null ? null : run.overlay.connectedAtUs / 1_000,
            bytesByProtocol: { 'log-sync': run.linkBytes() },
          },
    radio: null,
    deliveryMs:
      times.length === 0
        ? null
        : { p50: percentile(times, 0.5), p90: percentile(times, 0.9), max: percentile(times, 1) },
    convergedAtMs: disagreement === null && run.convergedAtUs !== null ? run.convergedAtUs / 1_000 : null,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
