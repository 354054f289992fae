/**
 * The node's figures in the text format of Prometheus, read when they are asked for. Which figures there are is the
 * engine's and the transport's business: every number they give becomes a metric of its own, every table of numbers
 * one metric with a label.
 */

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Node } from '../../node/index.js'
import { LABEL_VALUES } from './limits.js'
import type { Observer } from './observer.js'

export interface MetricsSources {
  readonly node: Pick<Node, 'metrics'>
  readonly observer: Observer
  /** Null for a transport that counts nothing. */
  readonly transport: (() => object) | null
}

/** What can go down as well; everything else only ever grows. */
const GAUGES: ReadonlySet<string> = new Set([
  'operations',
  'held',
  'waiting',
  'active',
  'live',
  'neighbours',
  'streams',
  'connections',
  'links',
  'memberships',
  'dialling',
  'peers',
  'topics',
  'unread_bytes',
  'timestamp_seconds',
])

export interface NodeMetrics {
  /** The text that Prometheus reads. */
  text(): Promise<string>
  close(): void
}

export function createMetrics(sources: MetricsSources): NodeMetrics {
  const registry = new Registry()
  // Memory, processor time, descriptors, delay of the event loop, under the names that dashboards know.
  collectDefaultMetrics({ register: registry })
  const known = new Map<string, Gauge | Counter>()

  function metric(name: string, isGauge: boolean, labelNames: readonly string[] = []): Gauge | Counter {
    const found = known.get(name)
    if (found) return found
    const options = {
      name,
      help: `${name
        .replace(/^thicket_/, '')
        .replace(/_total$/, '')
        .replaceAll('_', ' ')}, ${isGauge ? 'now' : 'since the start'}`,
      registers: [registry],
      labelNames: [...labelNames],
    }
    const made = isGauge ? new Gauge(options) : new Counter(options)
    known.set(name, made)
    return made
  }

  function show(path: readonly string[], value: number, labels: Readonly<Record<string, string>> = {}): void {
    const isGauge = GAUGES.has(path.at(-1)!)
    const shown = metric(`thicket_${path.join('_')}${isGauge ? '' : '_total'}`, isGauge, Object.keys(labels))
    if (shown instanceof Gauge) shown.set(labels, value)
    else shown.inc(labels, value)
  }

  function showAll(path: readonly string[], figures: object): void {
    for (const [name, value] of Object.entries(figures)) {
      const here = [...path, snake(name)]
      if (typeof value === 'number') show(here, value)
      else if (isTable(name, value)) {
        const label = TABLES.exec(name)?.[1]?.toLowerCase() ?? 'code'
        for (const [key, entry] of entriesOf(value).slice(0, LABEL_VALUES)) {
          if (typeof entry === 'number') show(here, entry, { [label]: key })
          else for (const [leaf, count] of Object.entries(entry)) show([...here, snake(leaf)], count, { [label]: key })
        }
      } else if (typeof value === 'object' && value !== null) showAll(here, value)
    }
  }

  return {
    async text() {
      for (const shown of known.values()) shown.reset()
      showAll([], sources.node.metrics())
      if (sources.transport) showAll(['transport'], sources.transport())
      show(['peers'], sources.observer.peers.size)
      for (const [event, codes] of sources.observer.failures) {
        for (const [code, count] of codes) show(['failures'], count, { event, code })
      }
      const { lastSyncAtMs } = sources.observer
      if (lastSyncAtMs !== null) show(['last_sync', 'timestamp_seconds'], lastSyncAtMs / 1_000)
      return registry.metrics()
    },
    close() {
      registry.clear()
    },
  }
}

/** Numbers, or several for each, by names that are no names of metrics: codes of errors, classes of frames, protocols. */
type Entry = number | Readonly<Record<string, number>>
type Table = ReadonlyMap<string, Entry> | Readonly<Record<string, Entry>>

function isTable(name: string, value: unknown): value is Table {
  return value instanceof Map || (typeof value === 'object' && value !== null && TABLES.test(name))
}

/** What the table is by becomes the name of its label. */
const TABLES = /By([A-Z]\w*)$|^(?:violations|failures|refusals)$/

function entriesOf(table: Table): readonly (readonly [string, Entry])[] {
  return table instanceof Map ? [...table] : Object.entries(table)
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}
