/** A world for the tests of log sync: a store that is a list, a clock that is turned by hand, connections in memory. */

import { decode, encode } from 'cborg'
import { bytesToHex, idBytes, isPoint, type LogId, ThicketError, type Topic, type VerifyingKey } from '../core/index.js'
import type { Clock, Connection, Role, Stream, Timer } from '../ports.js'
import type {
  LogHeights,
  RawOperation,
  ReceivedFrom,
  ReceivedOutcome,
  StoredRawOperation,
  SyncSink,
  SyncSource,
} from './interfaces.js'

export const TOPIC = '07'.repeat(32) as Topic
export const LOG = 'eb'.repeat(32) as LogId

/** Points of the curve in ascending order; nobody needs to sign here. */
const KEYS = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte, ...new Uint8Array(31))).filter(key =>
  isPoint(key),
)

export function keyOf(number: number): VerifyingKey {
  return bytesToHex(KEYS[number]!) as VerifyingKey
}

export interface Where {
  readonly author: VerifyingKey
  readonly logId: LogId
  readonly seqNum: number
}

/** The elements of a header that log sync is told about (spec/sync.md 1.4). */
export function parseHeader(header: Uint8Array): Where {
  try {
    const elements = decode(header)
    const seqNum = elements[elements[3] === 0 ? 4 : 5]
    const author = bytesToHex(elements[1]) as VerifyingKey
    const logId = bytesToHex(elements.at(-1)[2]) as LogId
    if (!Number.isInteger(seqNum) || author.length !== 64) throw new Error('not a header')
    return { author, logId, seqNum }
  } catch (cause) {
    throw new ThicketError('decoding-header', 'the bytes are no header', {}, { cause })
  }
}

/** A header in the shape of the real one; its signature only tells operations apart. */
export function makeOperation(author: VerifyingKey, seqNum: number, bodyBytes = 20): RawOperation {
  const signature = new Uint8Array(64)
  signature.set(idBytes(author).subarray(0, 8))
  new DataView(signature.buffer).setUint32(8, seqNum)
  const extensions = [1, 0, idBytes(LOG), 0, false]
  const links = seqNum === 0 ? [seqNum] : [seqNum, new Uint8Array(32)]
  const payload = bodyBytes === 0 ? [0] : [bodyBytes, new Uint8Array(32)]
  const header = encode([1, idBytes(author), signature, ...payload, ...links, extensions])
  return { header, body: bodyBytes === 0 ? null : new Uint8Array(bodyBytes).fill(seqNum % 256) }
}

/** Holds operations in order of ingest; takes them at once, or when `settle` is called. */
export class FakeStore implements SyncSource, SyncSink {
  readonly operations: StoredRawOperation[] = []
  readonly received: RawOperation[] = []
  readonly phases: ReceivedFrom['phase'][] = []
  readonly name = keyOf(0)
  served = true
  /** Whether outcomes wait for `settle`. */
  deferred = false
  /** Batches that may be in flight before `receive` says stop. */
  window = Number.POSITIVE_INFINITY
  /** Whether a log may begin anywhere, as after pruning. */
  gaps = false
  onStored: () => void = () => {}
  readonly #waiting: (() => void)[] = []
  #position = 0

  get waiting(): number {
    return this.#waiting.length
  }

  serves(): boolean {
    return this.served
  }

  heights(): { heights: LogHeights; position: number } {
    const heights = new Map<VerifyingKey, Map<LogId, number>>()
    for (const { author, logId, seqNum } of this.operations) {
      const logs = heights.get(author) ?? new Map<LogId, number>()
      heights.set(author, logs.set(logId, seqNum))
    }
    return { heights, position: this.#position }
  }

  measure(ranges: Parameters<SyncSource['measure']>[0]): { operations: number; bytes: number } {
    const all = ranges.flatMap(range => [...this.readRange(range, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)])
    return {
      operations: all.length,
      bytes: all.reduce((sum, { header, body }) => sum + header.length + (body?.length ?? 0), 0),
    }
  }

  readRange(...[range, limit, maxBytes]: Parameters<SyncSource['readRange']>): readonly StoredRawOperation[] {
    const inRange = this.operations.filter(
      ({ author, logId, seqNum }) =>
        author === range.author && logId === range.logId && seqNum > (range.after ?? -1) && seqNum <= range.until,
    )
    return page(inRange, limit, maxBytes)
  }

  readAfter(...[, position, limit, maxBytes]: Parameters<SyncSource['readAfter']>): readonly StoredRawOperation[] {
    return page(
      this.operations.filter(operation => operation.position > position),
      limit,
      maxBytes,
    )
  }

  receive(...[from, operations, done]: Parameters<SyncSink['receive']>): boolean {
    const work = () => {
      const outcomes = operations.map(operation => this.#ingest(operation))
      this.phases.push(...operations.map(() => from.phase))
      done(outcomes)
      if (outcomes.some(({ outcome }) => outcome === 'stored')) this.onStored()
    }
    if (this.deferred) this.#waiting.push(work)
    else work()
    return this.#waiting.length < this.window
  }

  /** Lets the oldest batch come back. */
  settle(): void {
    this.#waiting.shift()?.()
  }

  publish(operation: RawOperation): void {
    this.add(operation)
    this.onStored()
  }

  add(operation: RawOperation): void {
    this.operations.push({ ...operation, ...parseHeader(operation.header), position: ++this.#position })
  }

  ids(): string[] {
    return this.operations.map(({ header }) => bytesToHex(header)).sort()
  }

  #ingest(operation: RawOperation): ReceivedOutcome {
    let where: Where
    try {
      where = parseHeader(operation.header)
    } catch (error) {
      return { outcome: 'refused', error: error as ThicketError, fatal: true }
    }
    this.received.push(operation)
    const height = this.heights().heights.get(where.author)?.get(where.logId) ?? -1
    if (where.seqNum <= height) return { outcome: 'duplicate', ...where }
    if (where.seqNum !== height + 1 && !this.gaps) return { outcome: 'held', ...where }
    this.add(operation)
    return { outcome: 'stored', ...where }
  }
}

function page(operations: readonly StoredRawOperation[], limit: number, maxBytes: number): StoredRawOperation[] {
  const taken: StoredRawOperation[] = []
  let bytes = 0
  for (const operation of operations) {
    bytes += operation.header.length + (operation.body?.length ?? 0)
    if (taken.length >= limit || (taken.length > 0 && bytes > maxBytes)) break
    taken.push(operation)
  }
  return taken
}

export class FakeClock implements Clock {
  #nowMs = 0
  #order = 0
  readonly #timers: { atMs: number; order: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  wallUs(): bigint {
    return BigInt(Math.round(this.#nowMs * 1000))
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, order: this.#order++, callback }
    this.#timers.push(timer)
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer)
        if (index >= 0) this.#timers.splice(index, 1)
      },
    }
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Lets time pass and fires what falls due, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (;;) {
      this.#timers.sort((left, right) => left.atMs - right.atMs || left.order - right.order)
      const next = this.#timers[0]
      if (!next || next.atMs > endMs) break
      this.#timers.shift()
      this.#nowMs = next.atMs
      next.callback()
    }
    this.#nowMs = endMs
  }
}

/** One end of a stream in memory; what is written arrives at the other end in a turn of its own. */
class FakeStream implements Stream {
  readonly kind = 'bi'
  other!: FakeStream
  highWaterBytes = Number.POSITIVE_INFINITY
  readonly #clock: FakeClock
  readonly #queue: (Uint8Array | 'end')[] = []
  #queuedBytes = 0
  #paused = false
  #stopped = false
  #over = false
  #onDrain = () => {}
  #onData = (_: Uint8Array) => {}
  #onEnd = () => {}
  #onAbort = (_: number | null) => {}

  constructor(clock: FakeClock) {
    this.#clock = clock
  }

  get paused(): boolean {
    return this.#paused
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over || this.other.#over) return false
    this.other.#enqueue(bytes)
    this.#stopped = this.other.#queuedBytes >= this.highWaterBytes
    return !this.#stopped
  }
  onDrain(handler: () => void): void {
    this.#onDrain = handler
  }
  onData(handler: (bytes: Uint8Array) => void): void {
    this.#onData = handler
  }
  onEnd(handler: () => void): void {
    this.#onEnd = handler
  }
  onAbort(handler: (code: number | null) => void): void {
    this.#onAbort = handler
  }
  end(): void {
    if (!this.#over) this.other.#enqueue('end')
  }
  abort(code: number): void {
    this.drop()
    this.#clock.after(0, () => this.other.lose(code))
  }
  pause(): void {
    this.#paused = true
  }
  resume(): void {
    this.#paused = false
    this.#clock.after(0, () => this.#pump())
  }
  /** Nothing comes or goes any more. */
  drop(): void {
    this.#over = true
    this.#queue.length = 0
  }
  lose(code: number | null): void {
    if (this.#over) return
    this.drop()
    this.#onAbort(code)
  }

  #enqueue(item: Uint8Array | 'end'): void {
    this.#queue.push(item)
    if (item !== 'end') this.#queuedBytes += item.length
    this.#clock.after(0, () => this.#pump())
  }

  #pump(): void {
    while (!this.#paused && !this.#over) {
      const item = this.#queue.shift()
      if (item === undefined) break
      if (item === 'end') {
        this.#onEnd()
        continue
      }
      this.#queuedBytes -= item.length
      this.#onData(item)
    }
    if (this.other.#stopped && this.#queuedBytes < this.other.highWaterBytes) {
      this.other.#stopped = false
      this.other.#onDrain()
    }
  }
}

export class FakeConnection implements Connection {
  readonly protocol = '/fake'
  readonly remote: VerifyingKey
  readonly role: Role
  readonly streams: FakeStream[] = []
  other!: FakeConnection
  closed = false
  highWaterBytes = Number.POSITIVE_INFINITY
  readonly #clock: FakeClock
  #onStream = (_: Stream) => {}
  #onClose = (_: number | null) => {}

  constructor(clock: FakeClock, remote: VerifyingKey, role: Role) {
    this.#clock = clock
    this.remote = remote
    this.role = role
  }

  openBi(): Stream {
    const ours = new FakeStream(this.#clock)
    const theirs = new FakeStream(this.#clock)
    ours.other = theirs
    theirs.other = ours
    ours.highWaterBytes = this.highWaterBytes
    theirs.highWaterBytes = this.highWaterBytes
    this.streams.push(ours)
    this.other.streams.push(theirs)
    this.#clock.after(0, () => this.other.#onStream(theirs))
    return ours
  }
  openUni(): Stream {
    throw new Error('log sync opens no such stream')
  }
  onStream(handler: (stream: Stream) => void): void {
    this.#onStream = handler
  }
  onClose(handler: (code: number | null) => void): void {
    this.#onClose = handler
  }
  close(code: number): void {
    if (this.closed) return
    this.closed = true
    this.#onClose(code)
    // What was written before is delivered before the close is.
    this.#clock.after(0, () => this.other.lose(code))
  }
  /** The process at this end is gone, and nobody tells the other. */
  freeze(): void {
    this.closed = true
    for (const stream of this.streams) stream.drop()
  }
  /** The connection goes away under both ends, as when a link dies. */
  lose(code: number | null): void {
    if (this.closed) return
    this.closed = true
    for (const stream of this.streams) stream.lose(code)
    this.#onClose(code)
  }
}

/** Two ends of one connection. */
export function connect(
  clock: FakeClock,
  initiator: VerifyingKey,
  acceptor: VerifyingKey,
): [FakeConnection, FakeConnection] {
  const left = new FakeConnection(clock, acceptor, 'initiator')
  const right = new FakeConnection(clock, initiator, 'acceptor')
  left.other = right
  right.other = left
  return [left, right]
}
