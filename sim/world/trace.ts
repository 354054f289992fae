/**
 * Traces: JSON lines, gzip when the name ends in .gz. This file documents every type of event; the dashboard and the
 * exporters read nothing else.
 *
 * First line: `{ "thicketTrace": 1, "version", "scenario", "seed" }`. Then one event a line: `t` (microseconds of
 * virtual time), `seq` (place in the trace), `node` (a name, or null for the world), `type`, and its fields:
 *
 * | type | fields | when |
 * |---|---|---|
 * | `boot` | `life` | a node starts on its disk; lives count from 1 |
 * | `crash` | `reason` | its process or power is gone |
 * | `published` | `id`, `topic`, `seqNum`, `bytes`, `prune` | its own operation is durable |
 * | `stored` | `id`, `author`, `seqNum` | an operation is durable in its store |
 * | `processed` | `id`, `author`, `seqNum` | its app was handed the operation |
 * | `refused` | `code`, `id` | an operation was judged and not stored |
 * | `fork-detected` | `author`, `seqNum` | an author signed two branches |
 * | `peer-found`, `peer-lost` | `peer` | another node can or can no longer be dialled |
 * | `fault` | `fault`, `detail` | the world begins or ends a fault |
 * | `link-state` | `from`, `to`, `state`, `which` | a direction (`forward`) or both of a link are now `up`, `stalled` or `down` |
 * | `link-reset` | `from`, `to` | every connection of a link was cut |
 *
 * | `release-failed` | `code` | operations that waited for others could not be released |
 * | `sync-started`, `sync-finished` | `peer`, `topic`, `session`, `sent`, `received` | a sync phase begins, or both sides have all |
 * | `session-ended` | as above, and `code` | a session is over; null when it ended in order |
 * | `sync-dial-failed` | `peer`, `topic` | nobody answered |
 * | `gossip-connected` | `peer` | a connection for ephemeral messages is open |
 * | `gossip-neighbour` | `topic`, `peer`, `isUp` | a peer came into the neighbours of a topic's overlay, or left them |
 * | `gossip-ended` | `peer`, `code` | it is over; null unless the peer broke the rules |
 * | `ephemeral-published` | `topic`, `timestamp` | the node said something; micros/lamport, which with the author names it |
 * | `ephemeral-received` | `topic`, `author`, `timestamp` | its app was handed what another said |
 * | `ephemeral-refused` | `topic`, `peer`, `code` | it did not verify, or came too late, too early or again |
 * | `frame-sent` | `radio`, `at` (LoRa) or `from`, `kind`, `bytes`, `airtimeUs` | a radio began to send a frame; BLE tells when all its repeats are over |
 * | `frame-received` | `radio`, `at` or `to`, `from`, `kind`, `bytes` | it was heard whole |
 * | `frame-lost` | `radio`, `at` or `to`, `from`, `kind`, `cause` | it was not: `weak`, `collision`, `halfDuplex`, `random`; in BLE also `unheard` |
 * | `frame-held` | `radio`, `at`, `kind`, `untilUs` | the law holds it back until then |
 * | `ephemeral-totals` | `published`, `received` | at the end: messages said, and how often one was heard |
 */

import { closeSync, openSync, writeSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import type { TraceFields } from '../../engine/ports.js'

export interface TraceFile {
  write(tUs: number, node: string | null, type: string, fields: TraceFields): void
  close(): void
}

/** Bytes gathered before they go to disk or through gzip. */
const CHUNK_BYTES = 256 * 1024

export function openTrace(path: string, head: { version: string; scenario: string; seed: number }): TraceFile {
  const file = openSync(path, 'w')
  const isCompressed = path.endsWith('.gz')
  let pending = `${JSON.stringify({ thicketTrace: 1, ...head })}\n`
  let seq = 0

  function flush(): void {
    if (pending.length === 0) return
    const bytes = Buffer.from(pending, 'utf8')
    // Gzip members may follow each other in one file, so each chunk is one.
    writeSync(file, isCompressed ? gzipSync(bytes) : bytes)
    pending = ''
  }

  return {
    write(tUs, node, type, fields) {
      pending += `${JSON.stringify({ t: tUs, seq: seq++, node, type, ...fields })}\n`
      if (pending.length >= CHUNK_BYTES) flush()
    },
    close() {
      flush()
      closeSync(file)
    },
  }
}
