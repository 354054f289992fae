/**
 * Whole engines around one ideal medium for tests: one frame at a time, no noise, everybody hears everybody unless the
 * test says otherwise. Time and chance come from a seed; nothing here knows what the frames mean.
 */

import seedrandom from 'seedrandom'
import { nativeCrypto, openBetterSqlite } from '../adapters/index.js'
import { idBytes, type OperationId, type SigningKey, Topic, type VerifyingKey } from '../core/index.js'
import { createEngine, type Engine } from '../node/index.js'
import type { Clock, Crypto, FrameClass, Radio, Random, Signal, Transport } from '../ports.js'
import { bytesCodec } from '../streams/index.js'
import { signingKeyOf } from './known-topic.contract.js'

export const TOPIC = Topic.fromBytes(new Uint8Array(32).fill(7))
export const MTU = 255
/** Milliseconds on air: those of 128 bytes are 100, so that all waits of the broadcast room are short. */
export const airtimeMs = (bytes: number): number => 20 + bytes * 0.625

const SIGNAL: Signal = { rssiDbm: -80, snrDb: 10 }
const EPOCH_US = 1_754_300_000_000_000n

export const crypto: Crypto = nativeCrypto({ workers: 0 })

export interface Heard {
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  readonly from: number
}

/** What becomes of a frame on its way from one node to another: each item arrives so much after its end. */
export type Fate = (frame: Heard, to: number) => readonly { readonly bytes: Uint8Array; readonly afterMs: number }[]

export const ARRIVES: Fate = ({ bytes }) => [{ bytes, afterMs: 0 }]
export const LOST = [] as const

export interface Member {
  readonly engine: Engine
  readonly key: VerifyingKey
  publish(body: Uint8Array | null, prune?: boolean, topic?: Topic): OperationId
  /** Id and body of all that is stored, as text, by id. */
  held(topic?: Topic): readonly string[]
}

interface Waiting {
  readonly from: number
  readonly bytes: Uint8Array
  readonly kind: FrameClass
  done(outcome: 'sent' | 'cancelled'): void
}

export class Domain {
  nowMs = 0
  fate: Fate = ARRIVES
  /** All frames that were on the air, the oldest first. */
  readonly air: Heard[] = []
  readonly members: Member[] = []
  readonly #seed: number
  readonly #chance: seedrandom.PRNG
  readonly #events: { readonly atMs: number; readonly order: number; readonly run: () => void }[] = []
  readonly #receivers: ((bytes: Uint8Array) => void)[] = []
  readonly #waiting: Waiting[] = []
  #order = 0
  #isBusy = false

  constructor(seed: number, nodes = 0) {
    this.#seed = seed
    this.#chance = seedrandom(`${seed}/medium`)
    for (let node = 0; node < nodes; node++) this.join()
  }

  /** A node with an empty database that hears from now on. */
  join(topics: readonly Topic[] = [TOPIC], signingKey: SigningKey = signingKeyOf(this.members.length + 1)): Member {
    const node = this.members.length
    const engine = createEngine({
      signingKey,
      networkId: new Uint8Array(32),
      database: openBetterSqlite(':memory:'),
      crypto,
      clock: this.#clock(),
      random: randomOf(`${this.#seed}/${node}`),
      transport: NO_TRANSPORT,
      radios: [this.#radio(node)],
      trace: null,
      ackPolicy: 'automatic',
      ordering: 'causal',
    })
    for (const topic of topics) engine.subscribe(topic, { codec: bytesCodec })
    const member: Member = {
      engine,
      key: signingKey.verifyingKey,
      publish: (body, prune = false, topic = TOPIC) => engine.publish(topic, body, prune).operation.header.id,
      held: (topic = TOPIC) =>
        engine
          .readStored(topic, 0, 10_000)
          .map(({ id, body }) => `${id} ${body?.join() ?? ''}`)
          .sort(),
    }
    this.members.push(member)
    return member
  }

  /** Lets the world go on. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms
    for (let next = this.#events[0]; next && next.atMs <= endMs; next = this.#events[0]) {
      this.#events.shift()
      this.nowMs = next.atMs
      next.run()
    }
    this.nowMs = endMs
  }

  /** Until all members hold the same in the topic, and no longer than so. Says whether they do. */
  settle(limitMs: number, topic: Topic = TOPIC, members: readonly Member[] = this.members): boolean {
    const endMs = this.nowMs + limitMs
    while (this.nowMs < endMs) {
      this.pass(500)
      const [first, ...others] = members.map(member => member.held(topic).join('\n'))
      if (others.every(other => other === first)) return true
    }
    return false
  }

  /** A stranger's frame: all hear it, or one. */
  inject(bytes: Uint8Array, to?: number): void {
    for (const [node, receive] of this.#receivers.entries()) if (to === undefined || node === to) receive(bytes)
  }

  kinds(since = 0): readonly FrameClass[] {
    return this.air.slice(since).map(({ kind }) => kind)
  }

  stop(): void {
    for (const { engine } of this.members) engine.stop()
  }

  float(): number {
    return this.#chance.double()
  }

  #at(atMs: number, run: () => void): { cancel(): void } {
    const event = { atMs, order: this.#order++, run }
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.atMs <= atMs) low = middle + 1
      else high = middle
    }
    this.#events.splice(low, 0, event)
    return {
      cancel: () => {
        const at = this.#events.indexOf(event)
        if (at >= 0) this.#events.splice(at, 1)
      },
    }
  }

  #clock(): Clock {
    return {
      nowMs: () => this.nowMs,
      wallUs: () => EPOCH_US + BigInt(Math.floor(this.nowMs * 1_000)),
      after: (delayMs, callback) => this.#at(this.nowMs + Math.max(0, delayMs), callback),
    }
  }

  #radio(node: number): Radio {
    let isClosed = false
    this.#receivers[node] = () => {}
    return {
      name: 'ideal',
      mtu: MTU,
      airtimeMs,
      budget: () => ({ share: 1, availableMs: Infinity, windowMs: 0 }),
      send: (bytes, kind, done) => {
        const waiting: Waiting = { from: node, bytes: bytes.slice(), kind, done: outcome => isClosed || done(outcome) }
        this.#waiting.push(waiting)
        this.#at(this.nowMs, () => this.#next())
        return {
          cancel: () => {
            const at = this.#waiting.indexOf(waiting)
            if (at < 0 || isClosed) return false
            this.#waiting.splice(at, 1)
            this.#at(this.nowMs, () => waiting.done('cancelled'))
            return true
          },
        }
      },
      onFrame: handler => {
        this.#receivers[node] = bytes => isClosed || handler(bytes, SIGNAL)
      },
      close() {
        isClosed = true
      },
    }
  }

  /** Whoever gets the channel is a matter of chance, as it is among radios that listen first. */
  #next(): void {
    if (this.#isBusy || this.#waiting.length === 0) return
    this.#isBusy = true
    const [sent] = this.#waiting.splice(Math.floor(this.float() * this.#waiting.length), 1)
    const frame: Heard = { bytes: sent!.bytes, kind: sent!.kind, from: sent!.from }
    this.#at(this.nowMs + airtimeMs(frame.bytes.length), () => {
      this.#isBusy = false
      this.air.push(frame)
      for (const to of this.#receivers.keys()) {
        if (to === frame.from) continue
        for (const { bytes, afterMs } of this.fate(frame, to)) {
          this.#at(this.nowMs + afterMs, () => this.#receivers[to]!(bytes))
        }
      }
      sent!.done('sent')
      this.#next()
    })
  }
}

const NO_TRANSPORT: Transport = {
  start() {},
  addresses: () => [],
  dial() {},
  connect() {},
  stop() {},
}

function randomOf(name: string): Random {
  const generator = seedrandom(name)
  return {
    float: () => generator.double(),
    bytes: length => Uint8Array.from({ length }, () => Math.floor(generator.double() * 256)),
  }
}

/** Whether some bytes stand in a frame in clear. */
export function contains(frame: Uint8Array, id: VerifyingKey | Topic): boolean {
  const wanted = idBytes(id).join()
  return frame.join().includes(wanted)
}
