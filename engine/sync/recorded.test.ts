/**
 * Goal: a session behaves as the released crates' own protocol code does.
 * Method: each recorded session is replayed from both sides and in both roles, against the recorded frames of the other
 * side. What this side emits, receives, counts and ends with must be what was recorded.
 */

import { readFileSync } from 'node:fs'
import { blake3 } from '@noble/hashes/blake3.js'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes, type Topic } from '../core/index.js'
import type { Role } from '../ports.js'
import { Drive } from './drive.contract.js'
import { FakeStore } from './fakes.contract.js'
import type { SessionMetrics } from './interfaces.js'
import { decodeSync } from './wire.js'

interface Side {
  readonly operations: readonly { readonly header: string; readonly body: string | null }[]
  readonly result: string
  readonly events: readonly { readonly event: string; readonly metrics?: string; readonly id?: string }[]
}

interface Recording {
  readonly name: string
  readonly topic: Topic
  readonly a: Side
  readonly b: Side
  readonly frames: readonly { readonly from: 'a' | 'b'; readonly frame: string }[]
}

const recordings: { handshake: Recording; sessions: Recording[] } = JSON.parse(
  readFileSync(new URL('./vectors/sessions.json', import.meta.url), 'utf8'),
)

/** `Metrics { outbound_sync_bytes: 205, … }` under our names. */
function metricsOf(text: string): SessionMetrics {
  const entries = [...text.matchAll(/(\w+): (\d+)/g)].map(([, name, value]) => [
    name!.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    Number(value),
  ])
  return Object.fromEntries(entries) as SessionMetrics
}

const bodyOf = (body: string | null) => (body === null ? null : hexToBytes(body))
const isClose = (frame: string) => frame === '0000000102'

const CASES = recordings.sessions.flatMap(recording =>
  (['a', 'b'] as const).flatMap(side =>
    (['initiator', 'acceptor'] as const).map(role => [recording.name, side, role, recording] as const),
  ),
)

it('has nine recordings', () => {
  expect(recordings.sessions).toHaveLength(9)
})

describe('the recorded handshake', () => {
  it.each(['initiator', 'acceptor'] as const)('as %s', role => {
    const { topic, frames } = recordings.handshake
    const own = role === 'initiator' ? 'a' : 'b'
    const drive = new Drive({ role, store: new FakeStore(), topic }).feed({ type: 'start' })
    for (const { from, frame } of frames) if (from !== own) drive.data('handshake', hexToBytes(frame))
    const emitted = drive.frames('handshake').map(bytesToHex)
    expect(emitted).toEqual(frames.filter(({ from }) => from === own).map(({ frame }) => frame))
    expect(drive.session.topic).toBe(topic)
    expect(drive.session.phase).toBe('have')
  })
})

describe.each(CASES)('%s, side %s as %s', (_, side: 'a' | 'b', role: Role, recording) => {
  const recorded = recording[side]
  const own = recording.frames.filter(({ from }) => from === side).map(({ frame }) => frame)
  const others = recording.frames.filter(({ from }) => from !== side).map(({ frame }) => frame)
  const live = recorded.events.some(({ event }) => event === 'live-mode-started')

  function replay(chunkBytes: number): Drive {
    const store = new FakeStore()
    store.gaps = true
    for (const { header, body } of recorded.operations) store.add({ header: hexToBytes(header), body: bodyOf(body) })
    const drive = new Drive({ role, store, topic: recording.topic, live }).open(recording.topic)
    store.onStored = () => drive.feed({ type: 'stored' })
    const hear = (frame: string) => {
      const bytes = hexToBytes(frame)
      for (let at = 0; at < bytes.length; at += chunkBytes) drive.data('sync', bytes.subarray(at, at + chunkBytes))
    }
    for (const frame of others) if (!isClose(frame)) hear(frame)
    for (const frame of own) {
      const message = decodeSync(hexToBytes(frame).subarray(4), drive.session.config.limits)
      if (message.type === 'live') store.publish(message.operation)
    }
    if (own.some(isClose)) drive.feed({ type: 'close', wait: true })
    if (others.some(isClose)) hear('0000000102')
    return drive.feed({ type: 'end', stream: 'sync' })
  }

  it.each([1, 7, 1_000_000])('in chunks of %i bytes', chunkBytes => {
    const drive = replay(chunkBytes)
    expect(drive.frames('sync').map(bytesToHex)).toEqual(own)
    expect(recorded.result).toBe('ok')
    expect(drive.error).toBeNull()
    expect(drive.halfClosed).toEqual(new Set(['handshake', 'sync']))

    const ids = drive.store.received.map(({ header }) => bytesToHex(blake3(header)))
    expect(ids).toEqual(recorded.events.filter(({ event }) => event === 'operation-received').map(({ id }) => id))
    for (const event of ['sync-started', 'sync-finished'] as const) {
      const metrics = recorded.events.find(recordedEvent => recordedEvent.event === event)?.metrics
      expect(drive.metricsOf(event)).toEqual(metricsOf(metrics!))
    }
    const names = {
      'sync-started': 1,
      'sync-finished': 1,
      'live-started': 'live-mode-started',
      ended: 'session-finished',
    }
    expect(drive.events.map(({ type }) => (names[type] === 1 ? type : names[type]))).toEqual(
      recorded.events.filter(({ event }) => event !== 'operation-received').map(({ event }) => event),
    )
  })
})
