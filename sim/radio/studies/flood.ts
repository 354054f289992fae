/**
 * Managed flooding as Meshtasticator simulates it, packet by packet: every node makes messages for all, whoever hears one
 * relays it once unless others were quicker, and the author repeats it until it hears a relay. It is here to be compared
 * with; our own radios do not work like this.
 */

import { createKernel, roundUs, type SimRandom } from '../../kernel/index.js'
import { FloodChannel, type FloodFrame, type Heard } from './flood-channel.js'
import { type FloodGrid, type FloodGround, layOut } from './flood-ground.js'

export interface FloodOptions extends FloodGrid {
  readonly durationUs: number
  /** Each node waits so long on average before it makes its next message. */
  readonly meanPeriodUs: number
  /** How many relays deep a message travels. */
  readonly hops: number
  readonly seed: number
}

/** Rates are fractions of 1; a rate over nothing is 0. */
export interface FloodResult {
  readonly messages: number
  readonly transmissions: number
  /** Of the frames that nodes sensed. */
  readonly collisionRate: number
  /** Of the nodes that should have had each message. */
  readonly reach: number
  /** Receptions that brought something new. */
  readonly usefulness: number
  /** From the making of a message to each of its receptions. */
  readonly meanDelayMs: number
  /** Of the time of a node, on average. */
  readonly txUtil: number
}

/** Bounds that keep a study within minutes and a gigabyte. */
export const MAX_FLOOD_NODES = 100_000
export const MAX_FLOOD_HOPS = 7
export const MAX_FLOOD_DURATION_US = 86_400_000_000

/** Contention windows are 2^2 to 2^8 slots. */
const LEAST_WINDOW = 2
const GREATEST_WINDOW = 8
/** The window of a relay goes with how well it heard the frame, against a level of noise that is the same for all. */
const NOISE_DBM = -119.25
const LEAST_SNR_DB = -20
const GREATEST_SNR_DB = 15
const REPEATS = 3
/** A repeat waits for this many slots beside its window, and for the receivers' computers. */
const REPEAT_SLOTS = 32
const REPEAT_EXTRA_US = 4_500_000

interface Message {
  readonly author: number
  readonly madeUs: number
  /**
   * Copies that count as an acknowledgement: one that the author heard, and one for each relay that heard the message
   * again after it had taken it up. The author of Meshtasticator's simulation sees the latter too, wherever they are.
   */
  acknowledgements: number
  /** By node that took part. */
  readonly known: Map<number, Known>
}

interface Known {
  copies: number
  /** Relayed already, or about to. */
  isRelayed: boolean
  /** Heard again since. */
  isAcknowledged: boolean
  /** Of the latest copy that was received; null before the first. */
  rssiDbm: number | null
}

interface MessageFrame extends FloodFrame {
  readonly message: Message
  readonly hopsLeft: number
}

export function studyFlood(options: FloodOptions): FloodResult {
  return new Flood(options).run()
}

class Flood {
  readonly #options: FloodOptions
  readonly #ground: FloodGround
  readonly #channel: FloodChannel
  readonly #kernel
  readonly #gaps: SimRandom
  readonly #slots: SimRandom
  readonly #kinds
  /** By node: frames that wait, the first of them for its turn on the air. */
  readonly #queues: MessageFrame[][]
  /** By node, made once: a crowded channel is tried many times for each frame. */
  readonly #tries: (() => void)[]
  /** By node: time that it has sent or sensed frames. */
  readonly #busyUs: Float64Array
  #messages = 0
  #transmissions = 0
  #receptions = 0
  #useful = 0
  #delaysUs = 0

  constructor(options: FloodOptions) {
    this.#options = options
    this.#ground = layOut(options)
    this.#channel = new FloodChannel(this.#ground)
    this.#kernel = createKernel({ seed: options.seed })
    this.#gaps = this.#kernel.random('flood/gaps')
    this.#slots = this.#kernel.random('flood/slots')
    this.#kinds = {
      message: this.#kernel.kind('message'),
      repeat: this.#kernel.kind('repeat'),
      wait: this.#kernel.kind('wait'),
      end: this.#kernel.kind('end'),
    }
    this.#queues = Array.from({ length: this.#ground.nodes }, () => [])
    this.#tries = Array.from({ length: this.#ground.nodes }, (_, node) => () => this.#try(node))
    this.#busyUs = new Float64Array(this.#ground.nodes)
  }

  run(): FloodResult {
    const { nodes, airtimeUs } = this.#ground
    for (let node = 0; node < nodes; node++) this.#planMessage(node)
    this.#kernel.run({ untilUs: this.#options.durationUs })
    const { sensed, collided } = this.#channel
    return {
      messages: this.#messages,
      transmissions: this.#transmissions,
      collisionRate: share(collided, sensed),
      reach: share(this.#useful, this.#messages * (nodes - 1)),
      usefulness: share(this.#useful, this.#receptions),
      meanDelayMs: share(this.#delaysUs, this.#receptions) / 1_000,
      txUtil: share(this.#transmissions * airtimeUs, nodes * this.#options.durationUs),
    }
  }

  /** Nothing is made so late that its flood could not end. */
  #planMessage(node: number): void {
    const { durationUs, meanPeriodUs, hops } = this.#options
    const gapUs = roundUs(-Math.log(1 - this.#gaps.float()) * meanPeriodUs)
    if (this.#kernel.nowUs + gapUs + hops * this.#ground.airtimeUs >= durationUs) return
    this.#kernel.schedule(gapUs, this.#kinds.message, node, () => {
      this.#messages++
      const message: Message = {
        author: node,
        madeUs: this.#kernel.nowUs,
        acknowledgements: 0,
        known: new Map(),
      }
      this.#sendOwn(message, REPEATS)
    })
  }

  #sendOwn(message: Message, repeatsLeft: number): void {
    const { author } = message
    this.#enqueue(message, author, this.#options.hops)
    const slots = 2 ** this.#ownWindow(author) + REPEAT_SLOTS
    // Whole milliseconds, as firmware counts them.
    const airtimesUs = 2 * Math.floor(this.#ground.airtimeUs / 1_000) * 1_000
    const timeoutUs = airtimesUs + roundUs(slots * this.#ground.slotUs) + REPEAT_EXTRA_US
    this.#kernel.schedule(timeoutUs, this.#kinds.repeat, author, () => {
      if (message.acknowledgements > 0 || repeatsLeft === 0) this.#planMessage(author)
      else this.#sendOwn(message, repeatsLeft - 1)
    })
  }

  #enqueue(message: Message, sender: number, hopsLeft: number): void {
    const queue = this.#queues[sender]!
    queue.push({ sender, message, hopsLeft, startUs: 0, endUs: 0, heard: [] })
    if (queue.length === 1) this.#wait(sender)
  }

  /** Waits for some slots, and again while the channel is busy. */
  #wait(node: number): void {
    this.#kernel.schedule(this.#drawDelayUs(this.#queues[node]![0]!), this.#kinds.wait, node, this.#tries[node]!)
  }

  #try(node: number): void {
    if (this.#channel.isBusy(node, this.#kernel.nowUs)) this.#wait(node)
    else this.#begin(this.#queues[node]![0]!)
  }

  #begin(frame: MessageFrame): void {
    const { sender: node, message } = frame
    const known = knownOf(message, node)
    if (known.copies > 1) {
      if (known.isAcknowledged) message.acknowledgements--
      known.isRelayed = false
      known.isAcknowledged = false
      this.#next(node)
      return
    }
    this.#transmissions++
    this.#busyUs[node]! += this.#ground.airtimeUs
    this.#channel.begin(frame, this.#kernel.nowUs)
    this.#kernel.schedule(this.#ground.airtimeUs, this.#kinds.end, node, () => {
      this.#channel.end(frame, (heard, isReceived) => {
        this.#busyUs[heard.at.node]! += this.#ground.airtimeUs
        if (isReceived) this.#receive(frame, heard)
      })
      this.#next(node)
    })
  }

  #next(node: number): void {
    const queue = this.#queues[node]!
    queue.shift()
    if (queue.length > 0) this.#wait(node)
  }

  #receive({ message, hopsLeft }: MessageFrame, { at: { node, rssiDbm } }: Heard): void {
    this.#receptions++
    this.#delaysUs += this.#kernel.nowUs - message.madeUs
    const known = knownOf(message, node)
    known.copies++
    known.rssiDbm = rssiDbm
    if (node !== message.author && known.copies === 1) this.#useful++
    if (node === message.author || known.isRelayed) {
      if (!known.isAcknowledged) message.acknowledgements++
      known.isAcknowledged = true
      return
    }
    if (hopsLeft === 0) return
    known.isRelayed = true
    this.#enqueue(message, node, hopsLeft - 1)
  }

  #drawDelayUs({ message, sender }: MessageFrame): number {
    const rssiDbm = message.known.get(sender)?.rssiDbm ?? null
    const window = rssiDbm === null ? this.#ownWindow(sender) : relayWindow(rssiDbm)
    return roundUs(this.#slots.int(2 ** window) * this.#ground.slotUs)
  }

  #ownWindow(node: number): number {
    const share = this.#busyUs[node]! / Math.max(this.#kernel.nowUs, 1)
    return Math.floor(LEAST_WINDOW + (GREATEST_WINDOW - LEAST_WINDOW) * share)
  }
}

function relayWindow(rssiDbm: number): number {
  const snrDb = Math.max(LEAST_SNR_DB, Math.min(GREATEST_SNR_DB, rssiDbm - NOISE_DBM))
  const position = (snrDb - LEAST_SNR_DB) / (GREATEST_SNR_DB - LEAST_SNR_DB)
  return Math.floor(LEAST_WINDOW + (GREATEST_WINDOW - LEAST_WINDOW) * position)
}

function knownOf(message: Message, node: number): Known {
  let known = message.known.get(node)
  if (known === undefined) {
    known = { copies: 0, isRelayed: false, isAcknowledged: false, rssiDbm: null }
    message.known.set(node, known)
  }
  return known
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
