/**
 * One file of a simulated disk: its bytes as a process sees them, and what of them the medium has for certain.
 *
 * Bytes live in chunks that are copied when they are first changed after a sync or a snapshot, so a snapshot costs one
 * array, and what was synced last is always at hand. Positions and sizes are bytes.
 */

import { invariant } from '../../engine/core/index.js'

/** One page of SQLite and the largest sector; smaller chunks would mean more objects, larger ones more copying. */
export const CHUNK_BYTES = 4096

/** 4 MiB of chunks that nobody holds, for the next writes of any file; a batch of 256 operations changes some 300. */
const SPARE_CHUNKS = 1024
const spare: Uint8Array[] = []

/** Bytes that nothing will change any more; chunks are shared between images and files. */
export interface FileImage {
  readonly size: number
  readonly chunks: readonly Uint8Array[]
}

/** What happened to a file since its last sync. */
export interface Unsynced {
  /** The file as the last sync left it. */
  readonly synced: FileImage
  /** The smallest size it was cut to since then. */
  readonly lowestSize: number
  /** Numbers of the sectors written since then, ascending. */
  readonly sectors: readonly number[]
}

export class DiskFile {
  private readonly sectorBytes: number
  private bytes: number
  private readonly chunks: Uint8Array[]
  /** Chunks that nobody else holds, so that they can be changed in place. */
  private readonly owned: Set<number>
  private syncedSize: number
  private lowestSize: number
  /** The chunks changed since the last sync, as they were then; null where the file had none. */
  private readonly before = new Map<number, Uint8Array | null>()
  /** Those of them that nobody else holds; after a sync they serve as new chunks. */
  private replaced: Uint8Array[] = []
  /** One bit a sector, by chunk. */
  private readonly written = new Map<number, number>()

  constructor(sectorBytes: number, image: FileImage = { size: 0, chunks: [] }) {
    this.sectorBytes = sectorBytes
    this.bytes = image.size
    this.chunks = [...image.chunks]
    this.owned = new Set()
    this.syncedSize = image.size
    this.lowestSize = image.size
  }

  get size(): number {
    return this.bytes
  }

  /** Copies what there is; returns how many bytes that were. */
  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.bytes - position))
    for (let done = 0; done < length; ) {
      const at = position + done
      const within = at % CHUNK_BYTES
      const part = Math.min(length - done, CHUNK_BYTES - within)
      target.set(this.chunks[(at - within) / CHUNK_BYTES]!.subarray(within, within + part), done)
      done += part
    }
    return length
  }

  write(source: Uint8Array, position: number): void {
    if (position > this.bytes) this.extend(position)
    for (let done = 0; done < source.length; ) {
      const at = position + done
      const within = at % CHUNK_BYTES
      const part = Math.min(source.length - done, CHUNK_BYTES - within)
      const number = (at - within) / CHUNK_BYTES
      this.writable(number).set(source.subarray(done, done + part), within)
      this.mark(number, within, part)
      done += part
    }
    this.bytes = Math.max(this.bytes, position + source.length)
  }

  truncate(size: number): void {
    if (size > this.bytes) this.extend(size)
    const kept = Math.ceil(size / CHUNK_BYTES)
    for (let number = this.chunks.length - 1; number >= kept; number--) {
      this.remember(number)
      this.chunks.pop()
      this.owned.delete(number)
      this.written.delete(number)
    }
    // Bytes past the end must read as zero when the file grows again.
    const within = size % CHUNK_BYTES
    if (within !== 0) this.writable(kept - 1).fill(0, within)
    this.bytes = size
    this.lowestSize = Math.min(this.lowestSize, size)
  }

  sync(): void {
    this.before.clear()
    this.written.clear()
    while (spare.length < SPARE_CHUNKS && this.replaced.length > 0) spare.push(this.replaced.pop()!)
    this.replaced = []
    this.syncedSize = this.bytes
    this.lowestSize = this.bytes
  }

  image(): FileImage {
    this.owned.clear()
    return { size: this.bytes, chunks: [...this.chunks] }
  }

  unsynced(): Unsynced {
    const chunks: Uint8Array[] = []
    for (let number = 0; number * CHUNK_BYTES < this.syncedSize; number++) {
      const chunk = this.before.get(number) ?? this.chunks[number]
      invariant(chunk, 'what was synced is either there still or remembered')
      chunks.push(chunk)
    }
    this.owned.clear()
    this.replaced = []
    const perChunk = CHUNK_BYTES / this.sectorBytes
    const sectors: number[] = []
    for (const number of [...this.written.keys()].sort((left, right) => left - right)) {
      const bits = this.written.get(number)!
      for (let bit = 0; bit < perChunk; bit++) if (bits & (1 << bit)) sectors.push(number * perChunk + bit)
    }
    return { synced: { size: this.syncedSize, chunks }, lowestSize: this.lowestSize, sectors }
  }

  private extend(size: number): void {
    while (this.chunks.length * CHUNK_BYTES < size) this.writable(this.chunks.length)
    this.bytes = size
  }

  private writable(number: number): Uint8Array {
    const isNew = !this.before.has(number)
    this.remember(number)
    const chunk = this.chunks[number]
    if (chunk && !isNew && this.owned.has(number)) return chunk
    const fresh = copy(chunk)
    this.chunks[number] = fresh
    this.owned.add(number)
    return fresh
  }

  private remember(number: number): void {
    if (this.before.has(number)) return
    const chunk = this.chunks[number] ?? null
    this.before.set(number, chunk)
    if (chunk && this.owned.has(number)) this.replaced.push(chunk)
  }

  private mark(number: number, within: number, length: number): void {
    const first = Math.floor(within / this.sectorBytes)
    const last = Math.floor((within + length - 1) / this.sectorBytes)
    let bits = this.written.get(number) ?? 0
    for (let sector = first; sector <= last; sector++) bits |= 1 << sector
    this.written.set(number, bits)
  }
}

function copy(chunk: Uint8Array | undefined): Uint8Array {
  const fresh = spare.pop()
  if (!fresh) return chunk ? chunk.slice() : new Uint8Array(CHUNK_BYTES)
  if (chunk) fresh.set(chunk)
  else fresh.fill(0)
  return fresh
}
