/**
 * Reads what a write-ahead log says about the first page of its database, without SQLite and so without changing
 * either. A process that died soon after it created its database leaves an empty main file, and everything that tells
 * whose database this is in the log.
 *
 * SQLite file format, section 4: a 32-byte header, then frames of a 24-byte header and one page; checksums run on from
 * frame to frame, and a frame whose second word is not zero ends a transaction.
 */

import { readSync } from 'node:fs'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** The last bit tells the byte order of the words that are summed. */
const MAGIC_LITTLE_ENDIAN = 0x377f0682
const MAGIC_BIG_ENDIAN = 0x377f0683

/** The newest committed first page, or the first one that `isEnough`; null when the log holds none. */
export function committedFirstPage(file: number, isEnough: (page: Buffer) => boolean): Buffer | null {
  const header = Buffer.alloc(HEADER_BYTES)
  if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return null
  const magic = header.readUInt32BE(0)
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return null
  const pageBytes = header.readUInt32BE(8)
  if (pageBytes < 512 || pageBytes > 65_536) return null
  const sum = new Checksum(magic === MAGIC_LITTLE_ENDIAN)
  sum.add(header.subarray(0, 24))
  if (!sum.equals(header, 24)) return null

  const frame = Buffer.alloc(FRAME_HEADER_BYTES + pageBytes)
  let pending: Buffer | null = null
  let committed: Buffer | null = null
  for (let at = HEADER_BYTES; readSync(file, frame, 0, frame.length, at) === frame.length; at += frame.length) {
    const isOfThisLog = frame.compare(header, 16, 24, 8, 16) === 0
    sum.add(frame.subarray(0, 8))
    sum.add(frame.subarray(FRAME_HEADER_BYTES))
    if (!isOfThisLog || !sum.equals(frame, 16)) break
    if (frame.readUInt32BE(0) === 1) pending = Buffer.from(frame.subarray(FRAME_HEADER_BYTES))
    if (frame.readUInt32BE(4) !== 0 && pending) {
      committed = pending
      pending = null
      if (isEnough(committed)) break
    }
  }
  return committed
}

/** Two running sums, each word added together with the other sum, modulo 2^32. */
class Checksum {
  private first = 0
  private second = 0
  private readonly littleEndian: boolean

  constructor(littleEndian: boolean) {
    this.littleEndian = littleEndian
  }

  add(bytes: Buffer): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = 0; at < bytes.length; at += 8) {
      this.first = (this.first + view.getUint32(at, this.littleEndian) + this.second) >>> 0
      this.second = (this.second + view.getUint32(at + 4, this.littleEndian) + this.first) >>> 0
    }
  }

  equals(bytes: Buffer, at: number): boolean {
    return bytes.readUInt32BE(at) === this.first && bytes.readUInt32BE(at + 4) === this.second
  }
}
