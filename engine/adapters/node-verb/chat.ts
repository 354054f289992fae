/**
 * Lines of text in, lines of JSON out: what `thicket node --stdin` is for. A line is published on the first topic; all
 * topics are printed. A message counts as read when its line was written, so that a killed process prints it again
 * rather than never.
 */

import type { Readable, Writable } from 'node:stream'
import { decodeCbor, encodeCbor, isThicketError, type Topic } from '../../core/index.js'
import type { Node, StreamPublisher, StreamSubscription } from '../../node/index.js'
import type { Codec } from '../../streams/index.js'
import { LINE_BYTES } from './limits.js'
import { LineSplitter } from './lines.js'
import type { Log } from './observer.js'

/** The consumer whose marks say what was printed. */
export const CHAT_CONSUMER = 'stdin'

/** Text as CBOR, as apps in other languages read it; whatever else lies in a topic is null. */
const textCodec: Codec<string | null> = {
  encode: text => encodeCbor(text ?? ''),
  decode(bytes) {
    try {
      const message = decodeCbor(bytes)
      return typeof message === 'string' ? message : null
    } catch (error) {
      if (isThicketError(error)) return null
      throw error
    }
  },
}

export interface ChatOptions {
  readonly node: Node
  readonly topics: readonly Topic[]
  readonly input: Readable
  readonly output: Writable
  readonly log: Log
  /** Something ended that was to go on. */
  readonly onFailure: (error: unknown) => void
}

export interface Chat {
  /** Prints the line that says so, then begins to read on both sides. */
  begin(): Promise<void>
  close(): Promise<void>
}

export async function openChat(options: ChatOptions): Promise<Chat> {
  const { node, topics, input, output, log, onFailure } = options
  const streams: (readonly [Topic, StreamPublisher<string | null>, StreamSubscription<string | null>])[] = []
  for (const topic of topics) {
    const [tx, rx] = await node.stream(topic, { consumer: CHAT_CONSUMER, ackPolicy: 'explicit', codec: textCodec })
    streams.push([topic, tx, rx])
  }
  /** The line about what was published last; what comes back from the stream waits for it. */
  let announced: Promise<void> = Promise.resolve()
  let isClosing = false

  function print(line: object): Promise<void> {
    return new Promise((resolve, reject) => {
      output.write(`${JSON.stringify(line)}\n`, error => (error ? reject(error) : resolve()))
    })
  }

  async function publish(text: string): Promise<void> {
    const [, tx] = streams[0]!
    // The operation is forged within this call, so nobody can read it before `announced` stands for it.
    announced = tx.publish(text).then(({ id }) => print({ type: 'published', id, message: text }))
    await announced
  }

  async function readInput(): Promise<void> {
    const splitter = new LineSplitter(LINE_BYTES)
    const take = async (lines: ReturnType<LineSplitter['push']>): Promise<void> => {
      for (const line of lines) {
        if (isClosing) return
        if (line.type === 'text') await publish(line.text)
        else log.error({ code: line.code, maxBytes: LINE_BYTES }, 'a line of standard input was not published')
      }
    }
    for await (const chunk of input) await take(splitter.push(chunk as Uint8Array))
    await take(splitter.end())
    log.debug({}, 'standard input has ended; the node goes on')
  }

  async function readStream(topic: Topic, rx: StreamSubscription<string | null>): Promise<void> {
    for await (const event of rx) {
      if (event.type === 'replay-failed' || event.type === 'ack-failed') {
        log.error({ event: event.type, topic, err: event.error }, 'the stream of a topic is in trouble')
      }
      if (event.type !== 'processed') continue
      const { id, author, message } = event.operation
      if (author === node.id) await announced
      await print({ type: 'processed', id, author, message, ...(topics.length > 1 ? { topic } : {}) })
      event.operation.ack().catch((error: unknown) => {
        if (!isClosing) log.error({ err: error }, 'what was printed could not be marked as read')
      })
    }
  }

  /** What a closing stream or pipe throws is no failure. */
  function watch(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!isClosing) onFailure(error)
    })
  }

  return {
    async begin() {
      await print({ type: 'ready', id: node.id, addresses: node.addresses() })
      watch(readInput())
      for (const [topic, , rx] of streams) watch(readStream(topic, rx))
    },
    async close() {
      isClosing = true
      input.destroy()
      for (const [, , rx] of streams) await rx.close()
    },
  }
}
