/**
 * Goal: a node that the scenario leaves dead is waited for by nobody, and what died with it is owed to nobody; what a
 * living node holds still is.
 * Method: a writer is cut off before it dies, so that its last operations exist nowhere else.
 */

import { expect, it } from 'vitest'
import { complaints, reportOn } from './scenario.contract.js'

it('what only the dead had is owed to nobody', async () => {
  const report = await reportOn({ faults: '[{ at: 4500ms, isolate: a }, { at: 20s, crash: a }]' })
  expect(complaints(report)).toEqual([])
  expect(report.nodes.map(({ operations }) => operations)).toEqual([0, 20, 20])
})

it('what the living hold is owed to all of them', async () => {
  const report = await reportOn({ faults: '[{ at: 4500ms, isolate: a }, { at: 20s, crash: b }]' })
  expect(complaints(report)).toEqual([
    expect.stringMatching(/^converged: not by the end/),
    expect.stringMatching(/^delivered: .*lacks/),
  ])
})
