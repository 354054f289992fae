/**
 * What nodes say to each other about a topic on the air, beside the operations themselves. Each message is the
 * plaintext of one sealed frame; authors are named by the tag that the topic gives them. Decoding never throws:
 * whatever is malformed is null.
 */

import { PostcardReader, PostcardWriter } from '../core/index.js'

/** The kinds of frames, in the three upper bits of the first byte. Never renumber: they are on the air. */
export const FRAME_KIND = {
  operation: 0,
  digest: 1,
  heights: 2,
  want: 3,
  repair: 4,
  introduction: 5,
  fragment: 6,
  relay: 7,
} as const

/** Who says it, and when in the order of what it has said: an older message of the same sender is a replay. */
export interface Said {
  readonly sender: number
  readonly counter: number
}

/** Two hashes over everything that is known to exist in the topic: how far the logs go, and how they end. */
export interface Digest extends Said {
  /** Operations known to exist, over all logs. */
  readonly total: number
  /** 5 bytes over the heights; 3 over the heads, zeros where the sender does not hold them all. */
  readonly hash: Uint8Array
}

export interface Height {
  readonly author: number
  /** The newest sequence number known to exist. */
  readonly exists: number
  /** First byte of that operation's id where it is known: two branches of one log differ in it. */
  readonly head: number | null
}

/** A page of the heights, by ascending author. */
export interface Heights extends Said {
  readonly heights: readonly Height[]
}

export interface WindowRange {
  readonly author: number
  readonly from: number
  readonly length: number
}

/** Opens or renews a window of repair. */
export interface Want extends Said {
  readonly ranges: readonly WindowRange[]
  /** Independent symbols that the sender still needs. */
  readonly deficit: number
  /** One bit for each operation of the window, in its order: set where the sender lacks it. */
  readonly holes: Uint8Array
  /** Authors whose key the sender does not know. */
  readonly strangers: readonly number[]
  /** Operations asked for in their long form, because the short one could not be rebuilt. */
  readonly long: readonly { readonly author: number; readonly seqNum: number }[]
}

/** The clear head of a coded symbol; meaningless to whoever does not know the window. */
export interface RepairHead {
  readonly window: number
  readonly seed: number
  /** Symbols still to come after this one, as far as the sender knows. */
  readonly remaining: number
  /** Whether the ranges of the window stand before the symbol, for those who did not hear them asked for. */
  readonly isDescribed: boolean
}

export interface Introduction {
  readonly keys: readonly { readonly key: Uint8Array; readonly exists: number }[]
}

/** One combination of the pieces of an operation that fits no frame. */
export interface FragmentHead {
  readonly author: number
  readonly seqNum: number
  readonly seed: number
  readonly count: number
  /** Bytes of the whole. */
  readonly length: number
}

const SAID_BYTES = 6

export function encodeDigest(digest: Digest): Uint8Array {
  return said(new PostcardWriter(), digest).varint(digest.total).fixed(digest.hash).finish()
}

export function decodeDigest(bytes: Uint8Array): Digest | null {
  return decoded(bytes, reader => ({ ...readSaid(reader), total: reader.u32(), hash: reader.fixed(8).slice() }))
}

export function encodeHeights(message: Heights): Uint8Array {
  const writer = said(new PostcardWriter(), message)
  for (const height of message.heights) writeHeight(writer, height)
  return writer.finish()
}

export function decodeHeights(bytes: Uint8Array): Heights | null {
  return decoded(bytes, reader => {
    const from = readSaid(reader)
    const heights: Height[] = []
    while (reader.remaining > 0) {
      const author = readTag(reader)
      const packed = reader.u64()
      const exists = Number(packed >> 1n)
      if (exists > MAX_SEQ_NUM) return null
      heights.push({ author, exists, head: packed & 1n ? reader.u8() : null })
    }
    return { ...from, heights }
  })
}

/** Splits heights into pages of at most so many bytes. */
export function pagesOfHeights(heights: readonly Height[], maxBytes: number): readonly (readonly Height[])[] {
  const pages: Height[][] = []
  let used = maxBytes
  for (const height of heights) {
    const size = writeHeight(new PostcardWriter(), height).finish().length
    if (used + size > maxBytes) {
      pages.push([])
      used = SAID_BYTES
    }
    pages.at(-1)!.push(height)
    used += size
  }
  return pages
}

export function encodeWant(want: Want): Uint8Array {
  const writer = said(new PostcardWriter(), want)
  writeRanges(writer.varint(want.deficit), want.ranges).fixed(want.holes)
  writer.varint(want.strangers.length)
  for (const tag of want.strangers) writeTag(writer, tag)
  for (const { author, seqNum } of want.long) writeTag(writer, author).varint(seqNum)
  return writer.finish()
}

export function decodeWant(bytes: Uint8Array): Want | null {
  return decoded(bytes, reader => {
    const from = readSaid(reader)
    const deficit = reader.u32()
    const ranges = readRanges(reader)
    if (!ranges) return null
    const size = ranges.reduce((sum, { length }) => sum + length, 0)
    const holes = reader.fixed(Math.ceil(size / 8)).slice()
    const strangers: number[] = []
    for (let left = reader.length(2); left > 0; left--) strangers.push(readTag(reader))
    const long: { author: number; seqNum: number }[] = []
    while (reader.remaining > 0) long.push({ author: readTag(reader), seqNum: reader.u32() })
    return { ...from, deficit, ranges, holes, strangers, long }
  })
}

export const REPAIR_HEAD_BYTES = 4

/** In the byte of what remains: a window has far fewer operations than that. */
const DESCRIBED = 0x80

export function encodeRepairHead({ window, seed, remaining, isDescribed }: RepairHead): Uint8Array {
  return Uint8Array.of(
    window >> 8,
    window & 0xff,
    seed,
    Math.min(remaining, DESCRIBED - 1) | (isDescribed ? DESCRIBED : 0),
  )
}

export function decodeRepairHead(bytes: Uint8Array): RepairHead {
  const last = bytes[3]!
  return {
    window: (bytes[0]! << 8) | bytes[1]!,
    seed: bytes[2]!,
    remaining: last & (DESCRIBED - 1),
    isDescribed: (last & DESCRIBED) !== 0,
  }
}

/** What stands before a symbol whose window is described. */
export function encodeRanges(ranges: readonly WindowRange[]): Uint8Array {
  return writeRanges(new PostcardWriter(), ranges).finish()
}

export function splitRanges(
  bytes: Uint8Array,
): { readonly ranges: readonly WindowRange[]; readonly symbol: Uint8Array } | null {
  return decoded(bytes, reader => {
    const ranges = readRanges(reader)
    return ranges && { ranges, symbol: reader.fixed(reader.remaining) }
  })
}

function writeRanges(writer: PostcardWriter, ranges: readonly WindowRange[]): PostcardWriter {
  writer.varint(ranges.length)
  for (const range of ranges) writeTag(writer, range.author).varint(range.from).varint(range.length)
  return writer
}

function readRanges(reader: PostcardReader): readonly WindowRange[] | null {
  const ranges: WindowRange[] = []
  let size = 0
  for (let left = reader.length(RANGE_BYTES); left > 0; left--) {
    const range = { author: readTag(reader), from: reader.u32(), length: reader.u32() }
    size += range.length
    if (range.length === 0 || size > MAX_WINDOW) return null
    ranges.push(range)
  }
  return ranges
}

export function encodeIntroduction(introduction: Introduction): Uint8Array {
  const writer = new PostcardWriter()
  for (const { key, exists } of introduction.keys) writer.fixed(key).varint(exists + 1)
  return writer.finish()
}

export function decodeIntroduction(bytes: Uint8Array): Introduction | null {
  return decoded(bytes, reader => {
    const keys: { key: Uint8Array; exists: number }[] = []
    while (reader.remaining > 0) keys.push({ key: reader.fixed(32).slice(), exists: reader.u32() - 1 })
    return { keys }
  })
}

/** Tag 2, sequence number up to 5, seed, count and length up to 3. */
export const FRAGMENT_HEAD_BYTES = 12

export function encodeFragment(head: FragmentHead, symbol: Uint8Array): Uint8Array {
  const writer = writeTag(new PostcardWriter(), head.author)
  return writer.varint(head.seqNum).u8(head.seed).varint(head.count).varint(head.length).fixed(symbol).finish()
}

export function decodeFragment(bytes: Uint8Array): { readonly head: FragmentHead; readonly symbol: Uint8Array } | null {
  return decoded(bytes, reader => {
    const author = readTag(reader)
    const seqNum = reader.u32()
    const seed = reader.u8()
    const head = { author, seqNum, seed, count: reader.u32(), length: reader.u32() }
    return { head, symbol: reader.fixed(reader.remaining).slice() }
  })
}

/** Operations of one window at most: they share one bitmap in each frame, and one system of equations. */
export const MAX_WINDOW = 128

/** A range takes at least a tag and two varints. */
const RANGE_BYTES = 4
const MAX_SEQ_NUM = 0xffff_ffff
/** Tags below this are two bytes; what follows the escape has four (two authors of one topic share the short one). */
const TAG_ESCAPE = 0xffff

function said(writer: PostcardWriter, { sender, counter }: Said): PostcardWriter {
  return writer
    .u8((sender >> 8) & 0xff)
    .u8(sender & 0xff)
    .u8(counter >>> 24)
    .u8((counter >>> 16) & 0xff)
    .u8((counter >>> 8) & 0xff)
    .u8(counter & 0xff)
}

function readSaid(reader: PostcardReader): Said {
  const sender = (reader.u8() << 8) | reader.u8()
  const counter = ((reader.u8() << 24) | (reader.u8() << 16) | (reader.u8() << 8) | reader.u8()) >>> 0
  return { sender, counter }
}

function writeHeight(writer: PostcardWriter, { author, exists, head }: Height): PostcardWriter {
  writeTag(writer, author).varint(exists * 2 + (head === null ? 0 : 1))
  return head === null ? writer : writer.u8(head)
}

function writeTag(writer: PostcardWriter, tag: number): PostcardWriter {
  if (tag < TAG_ESCAPE) return writer.u8(tag >> 8).u8(tag & 0xff)
  return writer
    .u8(0xff)
    .u8(0xff)
    .u8((tag >>> 24) & 0xff)
    .u8((tag >>> 16) & 0xff)
    .u8((tag >>> 8) & 0xff)
    .u8(tag & 0xff)
}

function readTag(reader: PostcardReader): number {
  const short = (reader.u8() << 8) | reader.u8()
  if (short < TAG_ESCAPE) return short
  return ((reader.u8() << 24) | (reader.u8() << 16) | (reader.u8() << 8) | reader.u8()) >>> 0
}

function decoded<Message>(bytes: Uint8Array, read: (reader: PostcardReader) => Message | null): Message | null {
  const reader = new PostcardReader(bytes)
  try {
    const message = read(reader)
    return reader.remaining === 0 ? message : null
  } catch {
    return null
  }
}
