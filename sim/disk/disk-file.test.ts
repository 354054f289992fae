/**
 * Goal: a file reads back what was written to it, remembers what its last sync left, and shares bytes with images
 * without either changing the other.
 * Method: random steps on a file and on a plain array beside it, sized to cross chunks and sectors.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesEqual } from '../../engine/core/index.js'
import { CHUNK_BYTES, DiskFile, type FileImage } from './disk-file.js'

/** A bit more than three chunks. */
const REACH_BYTES = 3 * CHUNK_BYTES + 100

const step = fc.oneof(
  fc.record({
    type: fc.constant('write' as const),
    position: fc.nat(REACH_BYTES),
    length: fc.oneof(fc.integer({ min: 1, max: 600 }), fc.constantFrom(CHUNK_BYTES, CHUNK_BYTES + 24, 2 * CHUNK_BYTES)),
    fill: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({
    type: fc.constant('truncate' as const),
    size: fc.oneof(fc.nat(REACH_BYTES), fc.constantFrom(0, CHUNK_BYTES)),
  }),
  fc.record({ type: fc.constant('sync' as const) }),
  fc.record({ type: fc.constant('image' as const) }),
)

/** Grows a plain array the way a file grows: with zeros. */
function resized(bytes: Uint8Array, size: number): Uint8Array {
  const result = new Uint8Array(size)
  result.set(bytes.subarray(0, size))
  return result
}

function bytesOf(image: FileImage): Uint8Array {
  const file = new DiskFile(512, image)
  const bytes = new Uint8Array(file.size)
  file.read(bytes, 0)
  return bytes
}

describe('a file', () => {
  it.each([512, 4096])('behaves as an array of bytes does, with sectors of %i bytes', sectorBytes => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), steps => {
        const file = new DiskFile(sectorBytes)
        let model: Uint8Array = new Uint8Array(0)
        let synced: Uint8Array = model
        let lowest = 0
        let written = new Set<number>()
        const images: [FileImage, Uint8Array][] = []
        for (const step of steps) {
          if (step.type === 'write') {
            const bytes = new Uint8Array(step.length).fill(step.fill)
            file.write(bytes, step.position)
            model = resized(model, Math.max(model.length, step.position + step.length))
            model.set(bytes, step.position)
            const first = Math.floor(step.position / sectorBytes)
            const last = Math.floor((step.position + step.length - 1) / sectorBytes)
            for (let sector = first; sector <= last; sector++) written.add(sector)
          } else if (step.type === 'truncate') {
            file.truncate(step.size)
            model = resized(model, step.size)
            lowest = Math.min(lowest, step.size)
            const gone = Math.ceil(step.size / CHUNK_BYTES) * (CHUNK_BYTES / sectorBytes)
            written = new Set([...written].filter(sector => sector < gone))
          } else if (step.type === 'sync') {
            file.sync()
            synced = model.slice()
            lowest = model.length
            written = new Set()
          } else {
            images.push([file.image(), model.slice()])
          }
        }
        expect(bytesEqual(bytesOf(file.image()), model)).toBe(true)
        const unsynced = file.unsynced()
        expect(bytesEqual(bytesOf(unsynced.synced), synced)).toBe(true)
        expect(unsynced.lowestSize).toBe(lowest)
        expect(unsynced.sectors).toEqual([...written].sort((left, right) => left - right))
        for (const [image, then] of images) expect(bytesEqual(bytesOf(image), then)).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  it('reads what there is and no more', () => {
    const file = new DiskFile(4096)
    file.write(new Uint8Array([1, 2, 3]), CHUNK_BYTES - 1)
    const target = new Uint8Array(10).fill(9)
    expect(file.read(target, CHUNK_BYTES)).toBe(2)
    expect([...target.subarray(0, 3)]).toEqual([2, 3, 9])
    expect(file.read(target, CHUNK_BYTES + 2)).toBe(0)
    expect(file.read(target, 10 * CHUNK_BYTES)).toBe(0)
  })

  it('bytes past the end are zero when it grows again', () => {
    const file = new DiskFile(512)
    file.write(new Uint8Array(100).fill(1), 0)
    file.truncate(10)
    file.write(new Uint8Array([1]), 20)
    const target = new Uint8Array(21)
    file.read(target, 0)
    expect([...target]).toEqual([...Array(10).fill(1), ...Array(10).fill(0), 1])
  })
})
