/** A scenario as data: first as written, where every quantity may be a range, then as drawn, where every one is a number. */

import type { LoraPreset } from './lora-presets.js'
import type { LoraRegionName } from './lora-regions.js'

/** Where something stands in its file; both count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

export interface Range {
  readonly from: number
  readonly to: number
}

/** As written: a number, or a range to draw one from. */
export type Quantity = number | Range

/** A name used somewhere, with the place where it is used. */
export interface Reference extends Position {
  readonly name: string
}

export type Storage = 'crash-disk' | 'memory'
export type AckPolicy = 'automatic' | 'explicit'

/** `Amount` is `Quantity` as written and `number` as drawn. */
export interface ScenarioOf<Amount> {
  readonly file: string
  readonly name: string
  readonly description: string | null
  readonly seed: number
  readonly durationMs: Amount
  readonly storage: Storage
  readonly network: NetworkOf<Amount>
  readonly nodes: readonly NodeOf<Amount>[]
  readonly radios: readonly RadioOf<Amount>[]
  readonly topics: readonly TopicSpec[]
  readonly links: readonly LinkOf<Amount>[]
  readonly workload: readonly WorkOf<Amount>[]
  readonly faults: readonly FaultOf<Amount>[]
  readonly expect: readonly ExpectationOf<Amount>[]
}

export type Scenario = ScenarioOf<Quantity>
export type DrawnScenario = ScenarioOf<number>

/** What a connection is like. */
export interface ConditionsOf<Amount> {
  readonly latencyMs: Amount
  /** On top of the latency, at most. */
  readonly jitterMs: Amount
  readonly bandwidthBps: Amount
  readonly loss: Amount
}

export interface NetworkOf<Amount> extends ConditionsOf<Amount> {
  /** `all`: whoever has learnt an address can dial it, under these conditions where no link says others. */
  readonly reach: 'all' | 'links'
}

export interface NodeOf<Amount> extends Position {
  readonly name: string
  /** Null for one node of this name; n for nodes name1 to name<n>. Always null once drawn. */
  readonly count: Amount | null
  readonly storage: Storage | null
  /** Null: what the topics say. */
  readonly subscribe: readonly Reference[] | null
  readonly clock: { readonly skewMs: Amount; readonly driftPpm: Amount }
  /** Null where no radio asks for it. Drawn, it is where the node is at the start, however that was written. */
  readonly at: PointOf<Amount> | null
  /** How the nodes of one line are laid out; null for `at`, and always null once drawn. */
  readonly place: PlacementOf<Amount> | null
  /** Whose addresses it knows from the start; drawn, without itself. */
  readonly bootstrap: readonly Reference[]
  /** Names of the scenario's radios. */
  readonly radios: readonly Reference[]
  /** Whether it listens before it sends. */
  readonly mac: 'csma' | 'aloha'
  readonly antenna: { readonly gainDb: Amount; readonly heightM: Amount }
  /** Once drawn in the order of time. */
  readonly move: readonly WaypointOf<Amount>[]
}

/** Metres east and north. */
export interface PointOf<Amount> {
  readonly xM: Amount
  readonly yM: Amount
}

export type PlacementOf<Amount> = Position &
  (
    | { readonly type: 'random'; readonly widthM: Amount; readonly heightM: Amount }
    | { readonly type: 'grid'; readonly rows: Amount; readonly columns: Amount; readonly spacingM: Amount }
    | {
        readonly type: 'line'
        readonly start: PointOf<Amount>
        readonly spacingM: Amount
        /** Degrees from north, clockwise. */
        readonly bearingDeg: Amount
      }
    | { readonly type: 'ring'; readonly center: PointOf<Amount>; readonly radiusM: Amount }
  )

export type WaypointOf<Amount> = {
  readonly atMs: Amount
  /** Where that moment stands in the file. */
  readonly moment: Position
  readonly to: PointOf<Amount>
  readonly speedMps: Amount
}

export type RadioOf<Amount> = Position & {
  readonly name: string
  /** Share of receptions that are lost whatever the physics say. */
  readonly loss: Amount
  readonly powerDbm: Amount
  readonly propagation: PropagationOf<Amount>
  /** Slow fading of each pair; null without. */
  readonly fading: { readonly sigmaDb: Amount; readonly coherenceMs: Amount } | null
} & (LoraRadioOf<Amount> | BleRadioOf<Amount>)

export interface LoraRadioOf<Amount> {
  readonly type: 'lora'
  /** Where the modem's settings come from; null where they were written one by one. */
  readonly preset: LoraPreset | null
  readonly spreadingFactor: Amount
  readonly bandwidthHz: Amount
  /** The denominator: 5 to 8. */
  readonly codingRate: Amount
  readonly preambleSymbols: Amount
  readonly frequencyHz: Amount
  readonly region: LoraRegionName
  readonly profile: RadioProfile
}

export interface BleRadioOf<Amount> {
  readonly type: 'ble'
  readonly phy: BlePhy
  readonly mode: 'advertise' | 'connect'
  /** From one advertising event to the next, and from one scan window to the next. */
  readonly intervalMs: Amount
  readonly windowMs: Amount
}

export type RadioProfile = 'physical' | 'lorasim' | 'meshtasticator'
export type BlePhy = '1M' | '2M' | 'coded'
export type PropagationModel = 'log-distance' | 'okumura-hata' | '3gpp' | 'none'
export type Environment = 'open' | 'suburban' | 'urban' | 'metropolitan'

/** What a model does not use has its default: exponent and reference belong to log-distance, environment to the others. */
export interface PropagationOf<Amount> {
  readonly model: PropagationModel
  readonly exponent: Amount
  /** Of the shadowing of each pair. */
  readonly sigmaDb: Amount
  readonly referenceM: Amount
  readonly lossAtReferenceDb: Amount
  readonly environment: Environment
}

export interface TopicSpec extends Position {
  readonly name: string
  /** Null: every node. */
  readonly subscribers: readonly Reference[] | null
}

export interface LinkOf<Amount> extends ConditionsOf<Amount>, Position {
  readonly shape: 'pair' | 'mesh'
  readonly nodes: readonly Reference[]
  /** The conditions hold from the first to the second alone; the way back has the defaults. */
  readonly oneWay: boolean
}

export type WorkOf<Amount> = Position & {
  readonly atMs: Amount
  /** Where that moment stands in the file. */
  readonly moment: Position
  /** `any` is drawn anew for each publication. */
  readonly node: 'any' | readonly Reference[]
} & WorkAction<Amount>

export type WorkAction<Amount> =
  | {
      /** `ephemeral` is said to whoever listens and kept by nobody. */
      readonly type: 'publish' | 'ephemeral'
      readonly topic: Reference
      readonly count: Amount
      readonly everyMs: Amount
      readonly size: Amount
    }
  | { readonly type: 'prune'; readonly topic: Reference }
  | { readonly type: 'subscribe' | 'unsubscribe'; readonly topics: readonly Reference[] }
  | { readonly type: 'configure'; readonly ack: AckPolicy | null; readonly consumer: string | null }

export type FaultOf<Amount> = Position & {
  readonly atMs: Amount
  /** Where that moment stands in the file. */
  readonly moment: Position
  /** Null: to the end, or at once where a fault is a moment. */
  readonly forMs: Amount | null
} & FaultAction<Amount>

export type FaultAction<Amount> =
  | { readonly type: 'partition'; readonly groups: readonly (readonly Reference[])[] }
  | { readonly type: 'isolate'; readonly nodes: readonly Reference[] }
  | { readonly type: 'one-way' | 'link' | 'clog'; readonly pair: readonly [Reference, Reference] }
  | {
      readonly type: 'crash'
      readonly nodes: readonly Reference[]
      readonly atWrite: Amount | null
      readonly restartAfterMs: Amount | null
    }
  | { readonly type: 'pause'; readonly nodes: readonly Reference[] }
  | { readonly type: 'clock'; readonly nodes: readonly Reference[]; readonly jumpMs: Amount }
  | { readonly type: 'move'; readonly nodes: readonly Reference[]; readonly to: PointOf<Amount> }
  | {
      readonly type: 'churn'
      /** Crashes an hour, of all of them together. */
      readonly ratePerHour: Amount
      readonly downForMs: Amount
      /** Null: all, and never null once drawn. */
      readonly nodes: readonly Reference[] | null
    }

export type ExpectationOf<Amount> = Position &
  (
    | { readonly type: 'converged'; readonly withinMs: Amount }
    | { readonly type: 'delivered'; readonly share: Amount }
    | { readonly type: 'no-violations'; readonly required: boolean }
    | { readonly type: 'duplicates'; readonly max: Amount }
    | { readonly type: 'bytes'; readonly maxPerOperation: Amount }
    /** A share of all the time, for the busiest node. */
    | { readonly type: 'airtime'; readonly maxPerNode: Amount }
    | { readonly type: 'over-floor'; readonly max: Amount }
    | { readonly type: 'sessions'; readonly maxPerNode: Amount }
    | { readonly type: 'overlay-connected'; readonly withinMs: Amount }
  )
