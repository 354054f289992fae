/**
 * The names on a disk. Creating and deleting a file reaches the medium only when the directory is synced; until
 * then a power cut may undo it, even when the content of the file was synced.
 */

import type { DiskFile } from './disk-file.js'

/** What a name stood for, oldest first: the state the medium has for certain, then each one since. */
export type NameHistory = readonly (DiskFile | null)[]

export class Directory {
  private readonly entries = new Map<string, DiskFile>()
  private readonly unsynced = new Map<string, (DiskFile | null)[]>()

  constructor(files: Iterable<readonly [string, DiskFile]> = []) {
    for (const [name, file] of files) this.entries.set(name, file)
  }

  get(name: string): DiskFile | undefined {
    return this.entries.get(name)
  }

  /** Sorted, so that whoever draws lots over them does so in the same order everywhere. */
  names(): string[] {
    return [...this.entries.keys()].sort()
  }

  create(name: string, file: DiskFile): void {
    this.record(name, file)
    this.entries.set(name, file)
  }

  delete(name: string): void {
    this.record(name, null)
    this.entries.delete(name)
  }

  sync(): void {
    this.unsynced.clear()
  }

  /** Every name that may exist after a power cut, sorted. */
  histories(): [name: string, history: NameHistory][] {
    const names = new Set([...this.entries.keys(), ...this.unsynced.keys()])
    return [...names].sort().map(name => [name, this.unsynced.get(name) ?? [this.entries.get(name)!]])
  }

  private record(name: string, state: DiskFile | null): void {
    const history = this.unsynced.get(name)
    if (history) history.push(state)
    else this.unsynced.set(name, [this.entries.get(name) ?? null, state])
  }
}
