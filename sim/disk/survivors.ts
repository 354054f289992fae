/**
 * What is left on a disk that lost power. What was synced is there. Of every sector written since, the medium kept the
 * new bytes, or the old ones, or it tore the sector: a part is new and the rest old, or noise, which may hit synced
 * bytes of the same sector, since no power-safe overwrite is promised to SQLite. Files grown, cut, created or deleted
 * without a sync are so or are not.
 *
 * Determinism: all lots come from `damage`, over names and sectors in ascending order.
 */

import type { Random } from '../../engine/ports.js'
import type { Directory } from './directory.js'
import { CHUNK_BYTES, type DiskFile, type FileImage } from './disk-file.js'
import { DiskImage } from './disk-image.js'

/** Of the sectors that were not synced, at most; torn sectors are rare in the world, and one is enough to try a checksum. */
const TORN_SHARE = 0.3

/** How hard one cut hits, so that there are cuts where all was written and others where nothing was. */
interface Shares {
  readonly torn: number
  /** Of those that are not torn. */
  readonly kept: number
}

export function survivingImage(directory: Directory, sectorBytes: number, damage: Random): DiskImage {
  const shares = { torn: TORN_SHARE * damage.float(), kept: damage.float() }
  const files = new Map<string, FileImage>()
  for (const [name, history] of directory.histories()) {
    const file = history[Math.floor(damage.float() * history.length)]
    if (file) files.set(name, survivingFile(file, sectorBytes, shares, damage))
  }
  return new DiskImage(files)
}

function survivingFile(file: DiskFile, sectorBytes: number, shares: Shares, damage: Random): FileImage {
  const { synced, lowestSize, sectors } = file.unsynced()
  const current = file.image()
  const isCut = lowestSize < synced.size && damage.float() < 0.5
  const isGrown = damage.float() < 0.5
  const baseSize = isCut ? lowestSize : synced.size
  const bytes = new Medium(synced, baseSize, Math.max(synced.size, current.size))
  let size = isGrown ? Math.max(baseSize, current.size) : baseSize
  for (const sector of sectors) {
    const at = sector * sectorBytes
    const lot = damage.float()
    if (lot < shares.torn) {
      const newBytes = 1 + Math.floor(damage.float() * (sectorBytes - 1))
      const isNoise = damage.float() < 0.5
      bytes.copy(current, at, newBytes)
      if (isNoise) bytes.set(damage.bytes(sectorBytes - newBytes), at + newBytes)
    } else if (lot < shares.torn + (1 - shares.torn) * shares.kept) {
      bytes.copy(current, at, sectorBytes)
    } else {
      continue
    }
    size = Math.max(size, Math.min(at + sectorBytes, current.size))
  }
  return bytes.image(size)
}

/** The bytes that the medium ends up with, in chunks of its own. */
class Medium {
  private readonly chunks: Uint8Array[] = []

  constructor(base: FileImage, baseSize: number, capacity: number) {
    for (let at = 0; at < capacity; at += CHUNK_BYTES) {
      const chunk = base.chunks[at / CHUNK_BYTES]?.slice() ?? new Uint8Array(CHUNK_BYTES)
      if (at + CHUNK_BYTES > baseSize) chunk.fill(0, Math.max(0, baseSize - at))
      this.chunks.push(chunk)
    }
  }

  copy(from: FileImage, at: number, length: number): void {
    const within = at % CHUNK_BYTES
    const source = from.chunks[(at - within) / CHUNK_BYTES]!
    this.set(source.subarray(within, within + length), at)
  }

  /** Within one chunk, as every sector is. */
  set(bytes: Uint8Array, at: number): void {
    const within = at % CHUNK_BYTES
    this.chunks[(at - within) / CHUNK_BYTES]!.set(bytes, within)
  }

  image(size: number): FileImage {
    const chunks = this.chunks.slice(0, Math.ceil(size / CHUNK_BYTES))
    const within = size % CHUNK_BYTES
    if (within !== 0) chunks[chunks.length - 1]!.fill(0, within)
    return { size, chunks }
  }
}
