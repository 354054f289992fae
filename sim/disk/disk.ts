/**
 * The disk of one simulated node: a handful of files in memory, a count of what was done to them, and the faults that
 * are to happen. It outlives the processes that use it; each of them holds a `Mount`, and a dead mount can neither read
 * nor write, while the next process finds the files as they were left.
 *
 * SQLite reaches it through vfs.ts. Losing power (rather than the process) is in survivors.ts.
 */

import { invariant, ThicketError } from '../../engine/core/index.js'
import type { Random } from '../../engine/ports.js'
import { Directory } from './directory.js'
import { type CutPoint, DiskFaults, type DiskStep, type Rot, type StepFailure } from './disk-faults.js'
import { CHUNK_BYTES, DiskFile } from './disk-file.js'
import { DiskImage } from './disk-image.js'
import { survivingImage } from './survivors.js'

export interface DiskOptions {
  /** What the medium writes at once; 4096 (default) or 512 bytes. */
  readonly sectorBytes?: 512 | 4096
  /** The files to begin with; none by default. */
  readonly image?: DiskImage
  /** Bytes that fit, whole chunks of 4096; unlimited by default. */
  readonly capacityBytes?: number
}

/** Steps since the disk was created; `steps` is all of them but the reads. */
export interface DiskCounts {
  readonly steps: number
  readonly reads: number
  readonly writes: number
  readonly syncs: number
  readonly truncates: number
  readonly deletes: number
}

export function createDisk(options: DiskOptions = {}): Disk {
  return new Disk(options)
}

export class Disk {
  readonly sectorBytes: number
  private readonly directory: Directory
  private readonly faults = new DiskFaults()
  private readonly tally = { steps: 0, reads: 0, writes: 0, syncs: 0, truncates: 0, deletes: 0 }
  private capacity: number
  private mounted: Mount | null = null
  private onCut: (() => void) | null = null
  private watcher: ((step: DiskStep) => void) | null = null

  constructor(options: DiskOptions) {
    const sectorBytes = options.sectorBytes ?? CHUNK_BYTES
    this.sectorBytes = sectorBytes
    this.capacity = options.capacityBytes ?? Number.POSITIVE_INFINITY
    const files = [...(options.image?.files ?? [])]
    this.directory = new Directory(files.map(([name, file]) => [name, new DiskFile(sectorBytes, file)] as const))
  }

  get counts(): DiskCounts {
    return { ...this.tally }
  }

  get isMounted(): boolean {
    return this.mounted !== null
  }

  /** Bytes of all files as a process sees them. */
  get bytes(): number {
    return this.directory.names().reduce((sum, name) => sum + this.directory.get(name)!.size, 0)
  }

  /**
   * The process (or its power: then go on with `survivors`) is gone at the n-th write, or step, from now; 1 is the
   * next, which does not happen any more. From there on every call on these files fails with an input/output error and
   * every call on the database throws `DatabaseDead`. `onCut` is called once, when SQLite has let go of the files.
   */
  cutAt(point: CutPoint, onCut: () => void = () => {}): void {
    const after = 'afterWrites' in point ? point.afterWrites : point.afterSteps
    invariant(Number.isSafeInteger(after) && after >= 1, 'a cut lies at a step to come')
    this.faults.armCut(point)
    this.onCut = onCut
  }

  /** The process dies now. What it wrote stays; work it did not commit is taken back when the database is next opened. */
  kill(): void {
    this.faults.disarmCut()
    this.onCut = null
    this.mounted?.die()
  }

  /**
   * Told right before each step that changes the disk. It is called from within SQLite: it may look at this disk
   * (`image`, `survivors`), but use no database.
   */
  watch(watcher: (step: DiskStep) => void): void {
    this.watcher = watcher
  }

  /** One step to come fails with an input/output error; the process lives on. */
  fail(failure: StepFailure): void {
    invariant(Number.isSafeInteger(failure.after) && failure.after >= 1, 'a failure lies at a step to come')
    this.faults.armFailure(failure)
  }

  /** One read to come returns a wrong bit, which SQLite does not notice as a rule; the medium stays as it is. */
  rot(rot: Rot): void {
    invariant(Number.isSafeInteger(rot.afterReads) && rot.afterReads >= 1, 'rot lies at a read to come')
    this.faults.armRot(rot)
  }

  /** A write that needs more bytes than this fails with `database-full`. */
  setCapacity(capacityBytes: number): void {
    this.capacity = capacityBytes
  }

  /** All files as a process sees them now. */
  image(): DiskImage {
    return new DiskImage(new Map(this.directory.names().map(name => [name, this.directory.get(name)!.image()])))
  }

  /** What a power cut at this moment leaves: what was synced, and of the rest what `damage` decides. */
  survivors(damage: Random): DiskImage {
    return survivingImage(this.directory, this.sectorBytes, damage)
  }

  /** For openDisk: a process takes the disk. */
  mount(): Mount {
    if (this.mounted) throw new ThicketError('database-in-use', 'the disk is in use by another database', {})
    this.mounted = new Mount(this, this.directory)
    return this.mounted
  }

  /** For a mount: true when the step may happen. */
  permits(step: DiskStep): 'yes' | 'failed' | 'cut' {
    if (this.faults.cutsAt(step)) return 'cut'
    if (step !== 'read') this.watcher?.(step)
    this.tally[TALLIES[step]] += 1
    if (step !== 'read') this.tally.steps += 1
    return this.faults.failsAt(step) ? 'failed' : 'yes'
  }

  /** For a mount: may spoil what was just read. */
  spoil(bytes: Uint8Array): void {
    this.faults.rot(bytes)
  }

  /** For a mount: true when the file may take this size. */
  fits(file: DiskFile, size: number): boolean {
    if (size <= file.size || this.capacity === Number.POSITIVE_INFINITY) return true
    return this.bytes - file.size + Math.ceil(size / CHUNK_BYTES) * CHUNK_BYTES <= this.capacity
  }

  /** For a mount: it has ended, by itself, killed or cut. */
  unmounted(mount: Mount, isCut: boolean): void {
    if (this.mounted === mount) this.mounted = null
    const onCut = this.onCut
    if (!isCut || onCut === null) return
    this.onCut = null
    onCut()
  }
}

const TALLIES = {
  read: 'reads',
  write: 'writes',
  sync: 'syncs',
  truncate: 'truncates',
  delete: 'deletes',
} as const satisfies Record<DiskStep, keyof DiskCounts>

/** One process's hold on a disk. */
export class Mount {
  readonly disk: Disk
  readonly directory: Directory
  /** Set by the database: frees what the process held. */
  onDeath: () => void = () => {}
  private state: 'alive' | 'cut' | 'killed' | 'ended' = 'alive'

  constructor(disk: Disk, directory: Directory) {
    this.disk = disk
    this.directory = directory
  }

  get isAlive(): boolean {
    return this.state === 'alive'
  }

  /** True when the step may happen; a cut kills the mount before it does. */
  permits(step: DiskStep): boolean {
    if (this.state !== 'alive') return false
    const verdict = this.disk.permits(step)
    if (verdict === 'cut') this.state = 'cut'
    return verdict === 'yes'
  }

  die(): void {
    if (this.state === 'alive') this.state = 'killed'
    this.onDeath()
  }

  /** The process holds nothing any more; a callback of a cut comes now. */
  release(): void {
    const isCut = this.state === 'cut'
    this.state = 'ended'
    this.disk.unmounted(this, isCut)
  }
}
