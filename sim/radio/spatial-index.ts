/**
 * Who stands near a place, without asking everybody: points in square cells. An index is built over the places of one
 * moment and never changed; whoever has moving nodes builds a new one and asks with a slack for the way walked since.
 */

import { invariant } from '../../engine/core/index.js'
import type { Place } from './air.js'
import { distanceM } from './geometry.js'

/** Cells a side that an index has at most; more would cost memory and find nothing sooner. */
const MAX_CELLS_A_SIDE = 1_024

export class SpatialIndex {
  readonly #places: readonly Place[]
  readonly #originX: number
  readonly #originY: number
  readonly #cellM: number
  readonly #columns: number
  readonly #rows: number
  /** Numbers of points by cell; a cell without points has no list. */
  readonly #cells = new Map<number, number[]>()

  /** `rangeM` is the distance that most queries will ask with; it decides the size of a cell and nothing else. */
  constructor(places: readonly Place[], rangeM: number) {
    invariant(rangeM > 0, 'an index has a range')
    this.#places = places
    const xs = places.map(({ xM }) => xM)
    const ys = places.map(({ yM }) => yM)
    this.#originX = least(xs)
    this.#originY = least(ys)
    const extentM = Math.max(-least(xs.map(x => -x)) - this.#originX, -least(ys.map(y => -y)) - this.#originY, 1)
    this.#cellM = Math.max(Math.min(rangeM, extentM), extentM / MAX_CELLS_A_SIDE)
    this.#columns = this.#column(this.#originX + extentM) + 1
    this.#rows = this.#row(this.#originY + extentM) + 1
    for (const [index, place] of places.entries()) {
      const cell = this.#row(place.yM) * this.#columns + this.#column(place.xM)
      const members = this.#cells.get(cell)
      if (members === undefined) this.#cells.set(cell, [index])
      else members.push(index)
    }
  }

  /** Indices of the points at most so many metres away, ascending; infinity finds all. */
  within(centre: Place, metres: number): number[] {
    const found: number[] = []
    const firstColumn = clamp(this.#column(centre.xM - metres), this.#columns)
    const lastColumn = clamp(this.#column(centre.xM + metres), this.#columns)
    const firstRow = clamp(this.#row(centre.yM - metres), this.#rows)
    const lastRow = clamp(this.#row(centre.yM + metres), this.#rows)
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) {
        for (const index of this.#cells.get(row * this.#columns + column) ?? []) {
          if (distanceM(centre, this.#places[index]!) <= metres) found.push(index)
        }
      }
    }
    return found.sort((left, right) => left - right)
  }

  #column(xM: number): number {
    return Math.floor((xM - this.#originX) / this.#cellM)
  }

  #row(yM: number): number {
    return Math.floor((yM - this.#originY) / this.#cellM)
  }
}

/** `Math.min` takes its arguments on the stack, which ten thousand nodes would strain. */
function least(values: readonly number[]): number {
  return values.reduce((low, value) => Math.min(low, value), values.length > 0 ? Infinity : 0)
}

function clamp(cell: number, count: number): number {
  return Math.max(0, Math.min(count - 1, cell))
}
