/** The files of a disk at one moment, unchangeable and cheap to keep: chunks are shared with the disk they came from. */

import { invariant } from '../../engine/core/index.js'
import { CHUNK_BYTES, type FileImage } from './disk-file.js'

export class DiskImage {
  readonly files: ReadonlyMap<string, FileImage>

  constructor(files: ReadonlyMap<string, FileImage>) {
    this.files = files
  }

  /** Names of the files, sorted. */
  names(): string[] {
    return [...this.files.keys()].sort()
  }

  read(name: string): Uint8Array {
    const file = this.files.get(name)
    invariant(file, 'a file that is read is one of the image')
    const bytes = new Uint8Array(file.size)
    for (let at = 0; at < file.size; at += CHUNK_BYTES) {
      bytes.set(file.chunks[at / CHUNK_BYTES]!.subarray(0, Math.min(CHUNK_BYTES, file.size - at)), at)
    }
    return bytes
  }
}
