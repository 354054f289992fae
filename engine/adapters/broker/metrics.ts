/** The broker's own figures, in the text format of Prometheus. */

import { Counter, Gauge, Registry } from 'prom-client'

export interface BrokerMetrics {
  published(isNew: boolean): void
  delivered(): void
  refused(code: string): void
  text(): Promise<string>
}

export interface BrokerGauges {
  readonly connections: () => number
  readonly subscriptions: () => number
  readonly topics: () => number
}

export function createBrokerMetrics(gauges: BrokerGauges): BrokerMetrics {
  const registers = [new Registry()]
  const [registry] = registers
  const published = new Counter({
    name: 'thicket_broker_published_total',
    help: 'publications of clients; those that were sent again are told apart',
    labelNames: ['again'],
    registers,
  })
  const delivered = new Counter({ name: 'thicket_broker_events_total', help: 'events sent to clients', registers })
  const refused = new Counter({
    name: 'thicket_broker_refused_total',
    help: 'requests and connections refused, by code of the error',
    labelNames: ['code'],
    registers,
  })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `thicket_broker_${name}`,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  gauge('connections', 'WebSocket connections now', gauges.connections)
  gauge('subscriptions', 'consumers that are read for now', gauges.subscriptions)
  gauge('topics', 'topics that clients have named', gauges.topics)
  return {
    published: isNew => published.inc({ again: String(!isNew) }),
    delivered: () => delivered.inc(),
    refused: code => refused.inc({ code }),
    text: () => registry!.metrics(),
  }
}
