/**
 * libp2p tells nobody why it turned an incoming connection away, except its metrics. This is the least that can be
 * handed to it as metrics: one group of counters is heard, all the rest goes nowhere.
 */

import type { Metrics } from '@libp2p/interface'

const INBOUND_ERRORS = 'libp2p_connection_manager_dials_inbound_errors_total'

/** Codes of what libp2p's errors say; the gater counts by itself what it has refused. */
const CODES: ReadonlyMap<string, string | null> = new Map([
  ['ConnectionDeniedError', 'inbound-refused'],
  ['ConnectionInterceptedError', null],
  ['TimeoutError', 'handshake-timeout'],
  ['AbortError', 'handshake-timeout'],
])

export function handshakeErrors(onError: (code: string) => void): Metrics {
  const nothing = (): void => {}
  const counter = { increment: nothing, reset: nothing }
  const metric = { ...counter, update: nothing, decrement: nothing, timer: () => nothing }
  const sample = { observe: nothing, reset: nothing, timer: () => nothing }
  const inboundErrors = {
    increment(values: Readonly<Record<string, unknown>>) {
      for (const name of Object.keys(values)) {
        const code = CODES.get(name)
        if (code !== null) onError(code ?? 'handshake-failed')
      }
    },
    reset: nothing,
  }
  return {
    trackMultiaddrConnection: nothing,
    trackProtocolStream: nothing,
    registerMetric: () => metric,
    registerMetricGroup: () => metric,
    registerCounter: () => counter,
    registerCounterGroup: (name: string) => (name === INBOUND_ERRORS ? inboundErrors : counter),
    registerHistogram: () => sample,
    registerHistogramGroup: () => sample,
    registerSummary: () => sample,
    registerSummaryGroup: () => sample,
    traceFunction: <Traced>(_name: string, traced: Traced) => traced,
    createTrace: nothing,
  }
}
