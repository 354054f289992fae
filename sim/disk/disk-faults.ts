/**
 * What is to go wrong on a disk, and when. Counting down happens here, so that the disk asks one question a step; every
 * fault fires once.
 */

import type { Random } from '../../engine/ports.js'

export type DiskStep = 'read' | 'write' | 'sync' | 'truncate' | 'delete'

/** Where the process or its power goes: at the n-th write, or at the n-th step that changes the disk, from now. */
export type CutPoint = { readonly afterWrites: number } | { readonly afterSteps: number }

export interface StepFailure {
  readonly step: DiskStep
  /** 1 is the next step of this kind. */
  readonly after: number
}

export interface Rot {
  /** 1 is the next read. */
  readonly afterReads: number
  /** Chooses the bit. */
  readonly damage: Random
}

export class DiskFaults {
  private cut: { kind: 'write' | 'step'; left: number } | null = null
  private failures: { step: DiskStep; left: number }[] = []
  private rots: { left: number; damage: Random }[] = []

  armCut(point: CutPoint): void {
    this.cut =
      'afterWrites' in point ? { kind: 'write', left: point.afterWrites } : { kind: 'step', left: point.afterSteps }
  }

  disarmCut(): void {
    this.cut = null
  }

  armFailure(failure: StepFailure): void {
    this.failures.push({ step: failure.step, left: failure.after })
  }

  armRot(rot: Rot): void {
    this.rots.push({ left: rot.afterReads, damage: rot.damage })
  }

  /** True when the process is gone before this step happens. */
  cutsAt(step: DiskStep): boolean {
    if (this.cut === null || step === 'read' || (this.cut.kind === 'write' && step !== 'write')) return false
    this.cut.left -= 1
    if (this.cut.left > 0) return false
    this.cut = null
    return true
  }

  failsAt(step: DiskStep): boolean {
    if (this.failures.length === 0) return false
    let fails = false
    this.failures = this.failures.filter(failure => {
      if (failure.step !== step) return true
      failure.left -= 1
      if (failure.left === 0) fails = true
      return failure.left > 0
    })
    return fails
  }

  /** Flips one bit of what was read, when its time has come. */
  rot(bytes: Uint8Array): void {
    if (this.rots.length === 0 || bytes.length === 0) return
    this.rots = this.rots.filter(rot => {
      rot.left -= 1
      if (rot.left > 0) return true
      const bit = Math.floor(rot.damage.float() * bytes.length * 8)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      return false
    })
  }
}
