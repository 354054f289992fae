/**
 * The queue of what is still to happen: a binary heap ordered by (time, insertion number), so that events of one moment
 * run in the order in which they were scheduled.
 *
 * Cancelling only marks an event; marked ones fall out when they reach the top, and all of them at once when they have
 * become the majority, so a load that cancels most of its timers costs no memory.
 */

/** What `schedule` hands back. */
export interface EventHandle {
  /** Harmless when the event has run or was cancelled. */
  cancel(): void
  /** Whether the event is still to run. */
  readonly pending: boolean
}

/** Below so many cancelled events a sweep is not worth its walk over the heap. */
const SWEEP_AT_LEAST = 1_024

export class ScheduledEvent implements EventHandle {
  readonly timeUs: number
  readonly order: number
  readonly kind: number
  readonly node: number
  /** Null once the event has run or was cancelled. */
  callback: (() => void) | null
  readonly #heap: EventHeap

  constructor(heap: EventHeap, timeUs: number, order: number, kind: number, node: number, callback: () => void) {
    this.#heap = heap
    this.timeUs = timeUs
    this.order = order
    this.kind = kind
    this.node = node
    this.callback = callback
  }

  get pending(): boolean {
    return this.callback !== null
  }

  cancel(): void {
    if (this.callback === null) return
    this.callback = null
    this.#heap.noteCancelled()
  }
}

export class EventHeap {
  #events: ScheduledEvent[] = []
  #cancelled = 0

  /** Events still to run. */
  get size(): number {
    return this.#events.length - this.#cancelled
  }

  /** Slots in use, cancelled events included; for the test of the bound. */
  get slots(): number {
    return this.#events.length
  }

  push(event: ScheduledEvent): void {
    const events = this.#events
    events.push(event)
    siftUp(events, events.length - 1, event)
  }

  /** The next event to run, left in its place; undefined when there is none. */
  peek(): ScheduledEvent | undefined {
    for (;;) {
      const top = this.#events[0]
      if (top === undefined || top.callback !== null) return top
      this.#removeTop()
      this.#cancelled--
    }
  }

  /** Takes what `peek` has just shown. */
  pop(): void {
    this.#removeTop()
  }

  noteCancelled(): void {
    this.#cancelled++
    if (this.#cancelled < SWEEP_AT_LEAST || this.#cancelled * 2 < this.#events.length) return
    this.#events = this.#events.filter(event => event.callback !== null)
    this.#cancelled = 0
    for (let at = (this.#events.length >> 1) - 1; at >= 0; at--) siftDown(this.#events, at, this.#events[at]!)
  }

  #removeTop(): void {
    const events = this.#events
    const last = events.pop()!
    if (events.length > 0) siftDown(events, 0, last)
  }
}

function before(left: ScheduledEvent, right: ScheduledEvent): boolean {
  return left.timeUs < right.timeUs || (left.timeUs === right.timeUs && left.order < right.order)
}

function siftUp(events: ScheduledEvent[], from: number, event: ScheduledEvent): void {
  let at = from
  while (at > 0) {
    const parentAt = (at - 1) >> 1
    const parent = events[parentAt]!
    if (before(parent, event)) break
    events[at] = parent
    at = parentAt
  }
  events[at] = event
}

function siftDown(events: ScheduledEvent[], from: number, event: ScheduledEvent): void {
  const length = events.length
  let at = from
  for (;;) {
    let childAt = at * 2 + 1
    if (childAt >= length) break
    let child = events[childAt]!
    if (childAt + 1 < length) {
      const sibling = events[childAt + 1]!
      if (before(sibling, child)) {
        child = sibling
        childAt++
      }
    }
    if (before(event, child)) break
    events[at] = child
    at = childAt
  }
  events[at] = event
}
