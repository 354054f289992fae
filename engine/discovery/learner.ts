/**
 * Takes in the records that a session has brought: looks only at what would be news, has a bounded number of signatures
 * checked, and believes all of them or, when one is forged, none.
 */

import { compareHybrid, type HybridTimestamp, isThicketError, ThicketError, type VerifyingKey } from '../core/index.js'
import type { Addressing, Clock, Crypto, SignedMessage } from '../ports.js'
import type { AddressBook } from './address-book.js'
import type { DiscoveryLimits } from './limits.js'
import type { Counters } from './metrics.js'
import type { OwnRecord } from './own-record.js'
import type { NodeRecord, ToldRecord } from './psi-wire.js'
import { recordToVerify, type TransportRecord } from './records.js'
import { TokenBucket } from './token-bucket.js'

export interface LearnerConfig {
  readonly id: VerifyingKey
  readonly clock: Clock
  readonly crypto: Crypto
  readonly book: AddressBook
  readonly addressing: Addressing | null
  readonly own: OwnRecord | null
  readonly limits: DiscoveryLimits
  readonly counters: Counters
}

export interface Learnt {
  /** Nodes of whom something new is known. */
  readonly changed: readonly VerifyingKey[]
  /** A later record of this node was found, so that a still later one was signed. */
  readonly isOwnSurpassed: boolean
}

export interface Learner {
  /** `done` is called once, now or later; with an error when the remote has told of a forged record. */
  learn(records: readonly ToldRecord[], done: (learnt: Learnt | ThicketError) => void): void
  tellTransport(node: VerifyingKey, record: TransportRecord): void
}

export function createLearner(config: LearnerConfig): Learner {
  const { id, clock, crypto, book, addressing, own, limits, counters } = config
  const checks = new TokenBucket(limits.verifiedBurst, 1_000 / limits.verifiedPerSecond, clock.nowMs())

  function isNews(nodeId: VerifyingKey, timestamp: HybridTimestamp): boolean {
    if (nodeId !== id) return book.isNews(nodeId, timestamp)
    return own !== null && compareHybrid(timestamp, own.current.timestamp) > 0
  }

  /** What is news, with what is to be verified of it. */
  function sift(
    told: readonly ToldRecord[],
  ): readonly { readonly node: NodeRecord; readonly message: SignedMessage }[] {
    const news: { readonly node: NodeRecord; readonly message: SignedMessage }[] = []
    for (const read of told) {
      if ('fault' in read) {
        counters.refused(read.fault)
        continue
      }
      const { nodeId, record } = read
      if (!isNews(nodeId, record.timestamp)) continue
      const message = news.length < limits.verifiedRecords ? recordToVerify(nodeId, record) : null
      if (message === null) counters.refused('record-over-budget')
      else news.push({ node: { nodeId, record }, message })
    }
    const permitted = checks.take(news.length, clock.nowMs())
    counters.refused('record-over-budget', news.length - permitted)
    return news.slice(0, permitted)
  }

  function believe(records: readonly NodeRecord[]): Learnt {
    const changed: VerifyingKey[] = []
    let isOwnSurpassed = false
    for (const { nodeId, record } of records) {
      if (nodeId === id) {
        own?.surpass(record.timestamp)
        isOwnSurpassed = true
      } else if (book.learn(nodeId, record, clock.wallUs()) !== 'old') {
        changed.push(nodeId)
        counters.recordsLearned++
        tellTransport(nodeId, record)
      }
    }
    return { changed, isOwnSurpassed }
  }

  function tellTransport(node: VerifyingKey, record: TransportRecord): void {
    try {
      addressing?.learn(node, record.addresses)
    } catch (error) {
      // A node may sign what is no address; that is its own loss.
      if (!isThicketError(error)) throw error
      counters.refused(error.code)
    }
  }

  return {
    tellTransport,
    learn(told, done) {
      const news = sift(told)
      if (news.length === 0) {
        done({ changed: [], isOwnSurpassed: false })
        return
      }
      crypto.verifyBatch(
        news.map(({ message }) => message),
        verdicts => {
          const forged = verdicts.filter(verdict => !verdict).length
          counters.refused('record-signature-invalid', forged)
          if (forged === 0) done(believe(news.map(({ node }) => node)))
          else done(new ThicketError('record-signature-invalid', 'a record was not signed by its node', { forged }))
        },
      )
    },
  }
}
