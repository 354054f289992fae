import { Counters as ViolationCounters } from '../libp2p/metrics.js'

/** What is counted as on any transport with addresses, and the bytes, which the library does not count for streams. */
export class Counters extends ViolationCounters {
  bytesSent = 0
  bytesReceived = 0
}
