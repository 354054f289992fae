/**
 * How much stronger a frame has to be than another that overlaps it, by the spreading factors of both. Different factors
 * are nearly orthogonal: the wanted frame survives an interferer that is many decibels stronger.
 */

import { invariant } from '../../../engine/core/index.js'

export type IsolationTable = 'goursaud' | 'croce'

/** Rows: wanted, SF7 to SF12; columns: interferer, likewise. Decibels by which the wanted has to exceed it. */
const TABLES: Readonly<Record<IsolationTable, readonly (readonly number[])[]>> = {
  // Goursaud and Gorce 2015, as ns-3's lorawan module has it: from theory.
  goursaud: [
    [6, -16, -18, -19, -19, -20],
    [-24, 6, -20, -22, -22, -22],
    [-27, -27, 6, -23, -25, -25],
    [-30, -30, -30, 6, -26, -28],
    [-33, -33, -33, -33, 6, -29],
    [-36, -36, -36, -36, -36, 6],
  ],
  // Croce et al. 2018 (DOI 10.1109/LCOMM.2018.2797057), as FLoRa has it: from simulated links.
  croce: [
    [1, -8, -9, -9, -9, -9],
    [-11, 1, -11, -12, -13, -13],
    [-15, -13, 1, -13, -14, -15],
    [-19, -18, -17, 1, -17, -18],
    [-22, -22, -21, -20, 1, -20],
    [-25, -25, -25, -24, -23, 1],
  ],
}

const FIRST = 7
const LAST = 12

/** Factors below 7, which nobody has tabled, count as their nearest neighbours that are. */
export function isolationDb(wantedSf: number, interfererSf: number, table: IsolationTable = 'goursaud'): number {
  invariant(Math.max(wantedSf, interfererSf) <= LAST, 'spreading factors end at 12')
  const row = Math.max(wantedSf, FIRST) - FIRST
  let column = Math.max(interfererSf, FIRST) - FIRST
  if (column === row && wantedSf !== interfererSf) column = row + 1
  return TABLES[table][row]![column]!
}
