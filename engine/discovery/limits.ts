/** Every bound of discovery, with its unit and its reason. */

export interface DiscoveryLimits {
  /** Topics of one side of a session: each costs the other a comparison and 33 bytes, and us a hash. */
  readonly topics: number
  /** Bytes of the first frame: the salt takes 33, surplus at the end is allowed by the encoding. */
  readonly saltFrameBytes: number
  /** Bytes of a frame with hashed topics: a salt, a count and 33 bytes a topic. */
  readonly hashesFrameBytes: number
  /** Bytes of a frame with records: some 12,000 of them, since a p2panda node tells of all nodes that it knows. */
  readonly nodesFrameBytes: number
  /** Addresses of one record; a host with many interfaces has a few dozen. */
  readonly addressesPerRecord: number
  /** Bytes of one address: the longest name that the domain system allows, and some room for a scheme and a path. */
  readonly addressBytes: number
  /** Records that we send in one session beside our own; a random choice when more are to be shared. */
  readonly sharedRecords: number
  /** Records of one session whose signatures are checked: some 20 ms of work. The rest is news next time. */
  readonly verifiedRecords: number
  /** Signatures of records that all sessions together may have checked in a second, and in a burst. */
  readonly verifiedPerSecond: number
  readonly verifiedBurst: number
  /** Milliseconds until an acceptor's stream is there, and for each message that we wait for. */
  readonly stateMs: number
  /** Milliseconds in which the acceptor should close a session that is complete. */
  readonly closeMs: number
  /** Sessions that others opened and that are open at once: in all, and with one peer. */
  readonly acceptedSessions: number
  readonly acceptedPerPeer: number
  /** Sessions that one peer may open in a burst, and milliseconds for each after that; walkers come twice a minute. */
  readonly acceptedBurst: number
  readonly acceptedEachMs: number
  /** Milliseconds in which a peer that broke the rules is not let in again. */
  readonly shunMs: number
  /** Peers kept in mind for the two above; up to twice as many are. */
  readonly rememberedPeers: number
  /** Nodes of the address book. */
  readonly nodes: number
  /** Nodes known to be interested in one topic; what was heard longest ago goes first. */
  readonly interestedPerTopic: number
  /** Peers that wait to be visited out of turn. */
  readonly urgent: number
}

const KIB = 1024

export const DEFAULT_DISCOVERY_LIMITS: DiscoveryLimits = {
  topics: 4_096,
  saltFrameBytes: KIB,
  hashesFrameBytes: 133 * KIB,
  nodesFrameBytes: 2 * KIB * KIB,
  addressesPerRecord: 64,
  addressBytes: 512,
  sharedRecords: 32,
  verifiedRecords: 256,
  verifiedPerSecond: 500,
  verifiedBurst: 2_000,
  stateMs: 10_000,
  closeMs: 3_000,
  acceptedSessions: 32,
  acceptedPerPeer: 2,
  acceptedBurst: 20,
  acceptedEachMs: 2_000,
  shunMs: 60_000,
  rememberedPeers: 4_096,
  nodes: 10_000,
  interestedPerTopic: 1_024,
  urgent: 256,
}
