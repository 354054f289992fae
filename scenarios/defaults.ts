/** What a scenario means where it says nothing. */

export const DEFAULTS = {
  seed: 1,
  durationMs: 5 * 60_000,
  storage: 'crash-disk',
  clock: { skewMs: 0, driftPpm: 0 },
  mac: 'csma',
  /** A stick on a hand-held device. */
  antenna: { gainDb: 0, heightM: 1 },
  /** A link across a town: 20 ms, 10 Mbit/s, nothing lost. */
  link: { latencyMs: 20, jitterMs: 0, bandwidthBps: 10_000_000, loss: 0 },
  network: { reach: 'links' },
  /** What Meshtastic radios do in Europe, with the loss that was measured in the city of Oulu. */
  lora: {
    preset: 'LONG_FAST',
    codingRate: 5,
    /** What LoRa chips send unless they are told otherwise; the presets of mesh firmware send more. */
    preambleSymbols: 8,
    region: 'EU868-P',
    profile: 'physical',
    powerDbm: 14,
    propagation: { exponent: 2.32, referenceM: 1_000, lossAtReferenceDb: 128.95 },
  },
  /** A phone in a street: 0 dBm, and 40 dB lost over the first metre. */
  ble: {
    phy: '1M',
    mode: 'connect',
    intervalMs: 100,
    windowMs: 30,
    powerDbm: 0,
    propagation: { exponent: 2.5, referenceM: 1, lossAtReferenceDb: 40 },
  },
  radio: { loss: 0, sigmaDb: 0, coherenceMs: 60_000, model: 'log-distance', environment: 'suburban' },
  place: { bearingDeg: 90, origin: { xM: 0, yM: 0 } },
  publish: { count: 1, everyMs: 1_000, size: 60 },
} as const

/** Bounds of what a file may ask for; far above what a machine of two cores can simulate. */
export const BOUNDS = {
  /** Bytes of the file itself. */
  fileBytes: 4 * 1024 * 1024,
  /** Nodes after expansion. */
  nodes: 10_000,
  /** Radios of one scenario; each is an air of its own. */
  radios: 16,
  /** Metres from the origin: beyond the horizon of any antenna, and the plane is not yet wrong by much. */
  coordinateM: 1_000_000,
  /** Metres a second: an aircraft. */
  speedMps: 1_000,
  /** Waypoints of one line of nodes. */
  waypoints: 10_000,
  /** Pairs of linked nodes after expansion: a mesh of 447 nodes. */
  links: 100_000,
  /** Addresses that nodes know from the start, all nodes together. */
  bootstraps: 100_000,
  /** Crashes an hour of one line of churn: ten a second. */
  churnPerHour: 36_000,
  /** Crashes of one line of churn that are to be expected. */
  churnCrashes: 100_000,
  /** Mappings and lists within each other. The format needs 7; a reader that recurses has to stop somewhere. */
  nesting: 32,
  /** Operations of one workload line. */
  publications: 1_000_000,
  /** Bytes of one message: log sync takes no larger body. */
  messageBytes: 16 * 1024 * 1024,
  /** Bytes of one ephemeral message: what gossip takes, without what stands around it. */
  ephemeralBytes: 3_900,
  /** A year. */
  durationMs: 366 * 24 * 3_600_000,
  /** Parts per million. */
  driftPpm: 100_000,
} as const
