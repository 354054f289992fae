/**
 * Goal: an app is told how many sessions run and how much they carried, each byte once (spec/node.md 6.9, 7.2).
 * Method: reports of made-up sessions, in the order in which log sync tells of them.
 */

import { describe, expect, it } from 'vitest'
import { ThicketError, type VerifyingKey } from '../core/index.js'
import { type SessionReport, SessionTotals } from './session-totals.js'

const remote = 'ab'.repeat(32) as VerifyingKey

function report(sessionId: number, sentBytes = 0, receivedBytes = 0, liveBytes = 0): SessionReport {
  return {
    remote,
    sessionId,
    metrics: {
      outboundSyncOperations: 3,
      outboundSyncBytes: 30,
      inboundSyncOperations: 5,
      inboundSyncBytes: 50,
      sentSyncOperations: sentBytes / 10,
      sentSyncBytes: sentBytes,
      receivedSyncOperations: receivedBytes / 10,
      receivedSyncBytes: receivedBytes,
      sentLiveOperations: 0,
      sentLiveBytes: 0,
      receivedLiveOperations: liveBytes / 10,
      receivedLiveBytes: liveBytes,
    },
  }
}

const lost = new ThicketError('connection-lost', 'the connection was lost')

describe('the sessions of a topic', () => {
  it('[7.2] Aggregator: two starts give 2 running, one end leaves 1', () => {
    const totals = new SessionTotals()
    expect(totals.started(report(1))).toMatchObject({ topicSessions: 1, incomingOperations: 5, outgoingBytes: 30 })
    expect(totals.started(report(2))).toMatchObject({ topicSessions: 2 })
    totals.finished(report(1))
    expect(totals.running, 'the end of the sync phase is not the end of the session').toBe(2)
    expect(totals.ended(report(1), null)).toBeNull()
    expect(totals.running).toBe(1)
  })

  it('[7.2] Aggregator: a failure leaves 0 running and is told as sync-ended with its error', () => {
    const totals = new SessionTotals()
    totals.started(report(1))
    expect(totals.ended(report(1, 10, 20), lost)).toMatchObject({
      type: 'sync-ended',
      sessionId: 1,
      sentOperations: 1,
      receivedOperations: 2,
      error: { code: 'connection-lost' },
    })
    expect(totals.running).toBe(0)
  })

  it('[7.2] Aggregator: totals over two sync phases add up once, whether the first session still runs or has ended', () => {
    for (const firstEnds of [false, true]) {
      const totals = new SessionTotals()
      totals.started(report(1))
      expect(totals.finished(report(1, 30, 100))).toMatchObject({
        sentBytesTopicTotal: 30,
        receivedBytesTopicTotal: 100,
      })
      if (firstEnds) totals.ended(report(1, 30, 100), null)
      totals.started(report(2))
      expect(totals.finished(report(2, 100, 100))).toMatchObject({
        sentBytes: 100,
        receivedBytes: 100,
        sentBytesTopicTotal: 130,
        receivedBytesTopicTotal: 200,
      })
    }
  })

  it('a session that fails in live mode is told a second time, and its bytes still count once', () => {
    const totals = new SessionTotals()
    totals.started(report(1))
    totals.finished(report(1, 30, 100))
    expect(totals.source({ ...report(1, 30, 100, 10), phase: 'live' })).toMatchObject({
      phase: 'live',
      receivedBytes: 110,
      receivedBytesTopicTotal: 110,
    })
    expect(totals.ended(report(1, 30, 100, 10), lost)).toMatchObject({ receivedBytesTopicTotal: 110 })
  })

  it('what comes from a session after it has ended, or from one of an earlier stream, changes no total', () => {
    const totals = new SessionTotals()
    totals.started(report(1))
    totals.ended(report(1, 0, 100), null)
    expect(totals.source({ ...report(1, 0, 90), phase: 'sync' })).toMatchObject({ receivedBytesTopicTotal: 100 })
    expect(totals.ended(report(7, 0, 500), lost)).toMatchObject({ receivedBytes: 500, receivedBytesTopicTotal: 100 })
    expect(totals.running).toBe(0)
  })

  it('a report that lags behind takes nothing back', () => {
    const totals = new SessionTotals()
    totals.started(report(1))
    totals.finished(report(1, 0, 100))
    expect(totals.source({ ...report(1, 0, 40), phase: 'sync' })).toMatchObject({
      receivedBytes: 40,
      receivedBytesTopicTotal: 100,
    })
  })
})
