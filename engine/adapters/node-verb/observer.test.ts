/**
 * Goal: what happens becomes figures and log lines, and no peer can make either grow without bound.
 * Method: events by hand on a clock by hand.
 */

import { describe, expect, it } from 'vitest'
import { SigningKey } from '../../core/index.js'
import { LABEL_VALUES, LOG_LINES_PER_SECOND } from './limits.js'
import { createMetrics } from './metrics.js'
import { type Log, Observer } from './observer.js'

const PEER = SigningKey.fromBytes(new Uint8Array(32).fill(3)).verifyingKey

function observed(): { observer: Observer; lines: string[]; at: (ms: number) => void } {
  const lines: string[] = []
  let nowMs = 0
  const writing = (level: string) => (fields: object, message: string) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
  const log: Log = {
    trace: writing('trace'),
    debug: writing('debug'),
    info: writing('info'),
    warn: writing('warn'),
    error: writing('error'),
  }
  return {
    observer: new Observer(log, () => nowMs),
    lines,
    at: ms => {
      nowMs = ms
    },
  }
}

describe('what a node observes', () => {
  it('knows who is there and when it last synced', () => {
    const { observer, at } = observed()
    observer.event('peer-found', { peer: PEER })
    expect([...observer.peers]).toEqual([PEER])
    at(1_234)
    observer.event('sync-finished', { peer: PEER })
    expect(observer.lastSyncAtMs).toBe(1_234)
    observer.event('peer-lost', { peer: PEER })
    expect(observer.peers.size).toBe(0)
  })

  it('says a number of lines a second for each type, and then how many it kept to itself', () => {
    const { observer, lines, at } = observed()
    for (let at = 0; at < LOG_LINES_PER_SECOND + 7; at++) observer.event('refused', { code: 'invalid-signature' })
    observer.event('peer-found', { peer: PEER })
    expect(lines.filter(line => line.startsWith('warn refused'))).toHaveLength(LOG_LINES_PER_SECOND)
    expect(lines.at(-1)).toMatch(/^info peer-found/)
    at(1_000)
    observer.event('refused', { code: 'invalid-signature' })
    expect(lines.at(-2)).toBe('warn 7 more events of the same kind {"event":"refused","unspoken":7}')
    expect(observer.failures.get('refused')?.get('invalid-signature')).toBe(LOG_LINES_PER_SECOND + 8)
  })

  it('counts as many codes as it promises, the rest together', () => {
    const { observer } = observed()
    for (let at = 0; at < LABEL_VALUES + 5; at++) observer.event('session-ended', { code: `code-${at}` })
    const codes = observer.failures.get('session-ended')
    expect(codes?.get(`code-${LABEL_VALUES - 1}`)).toBe(1)
    expect(codes?.get('other')).toBe(5)
  })

  it('shows its own and the transport’s figures, tables with a label, as often as it is asked', async () => {
    const { observer } = observed()
    observer.event('refused', { code: 'invalid-signature' })
    let dialled = 1
    const metrics = createMetrics({
      node: {
        metrics: () => ({ operations: 5, gossip: { sentByClass: { ihave: { messages: 7, bytes: 70 } } } }) as never,
      },
      observer,
      transport: () => ({ links: 2, dialled: dialled++, violations: { 'bad-head': 3, slow: 1 }, name: 'tcp' }),
    })
    const first = await metrics.text()
    expect(first).toMatch(/^thicket_failures_total\{event="refused",code="invalid-signature"\} 1$/m)
    expect(first).toMatch(/^thicket_gossip_sent_by_class_messages_total\{class="ihave"\} 7$/m)
    expect(first).toMatch(/^thicket_gossip_sent_by_class_bytes_total\{class="ihave"\} 70$/m)
    expect(first).toMatch(/^thicket_transport_links 2$/m)
    expect(first).toMatch(/^thicket_transport_violations_total\{code="bad-head"\} 3$/m)
    expect(first).toMatch(/^thicket_transport_violations_total\{code="slow"\} 1$/m)
    expect(first).toMatch(/^thicket_transport_dialled_total 1$/m)
    expect(await metrics.text()).toMatch(/^thicket_transport_dialled_total 2$/m)
    metrics.close()
  })
})
