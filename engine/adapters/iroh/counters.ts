import { Counters as SharedCounters } from '../addressed/counters.js'

/** What is counted as on any transport with addresses, and the bytes, which the library does not count for streams. */
export class Counters extends SharedCounters {
  bytesSent = 0
  bytesReceived = 0
}
