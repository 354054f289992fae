/** The discovery runs recorded between two nodes of p2panda 0.7.1, for the tests of this folder. */

import { readFileSync } from 'node:fs'

export interface RecordedSide {
  readonly secretKey: string
  readonly topics: readonly string[]
  readonly found: readonly string[]
  readonly learned: readonly string[]
}

export interface RecordedRun {
  readonly name: string
  readonly a: RecordedSide
  readonly b: RecordedSide
  readonly transportRecords: readonly {
    readonly secretKey: string
    readonly nodeId: string
    readonly postcard: string
    readonly timestamp: string
    readonly signature: string
  }[]
  readonly frames: readonly { readonly from: 'a' | 'b'; readonly frame: string }[]
}

const file = new URL('../core/vectors/discovery.json', import.meta.url)

export const RECORDED_RUNS = (JSON.parse(readFileSync(file, 'utf8')) as { runs: readonly RecordedRun[] }).runs
