/**
 * Every bound and parameter of the overlay, with its unit and its reason. What both ends of a wire should agree on has
 * the values of iroh-gossip 0.101 (spec/sync.md 3.6).
 */

export interface MembershipLimits {
  /** Neighbours of a node in one topic: a random graph of this degree survives the loss of half its nodes. */
  readonly activeView: number
  /** Peers known beside them, from whom those that fail are replaced. */
  readonly passiveView: number
  /** Hops that the news of a new node walks before somebody takes it as a neighbour. */
  readonly joinWalkHops: number
  /**
   * Share of those at the end of a walk who take the new node on though they have all their neighbours. With all of them,
   * as in the paper, a join changes 24 neighbours, or 58 when two nodes are asked to let the new one in; so 10, or 17.
   */
  readonly adoptionShare: number
  /** Hops left at which somebody on the way remembers it. */
  readonly passiveWalkHops: number
  readonly shuffleWalkHops: number
  /** Neighbours, and other peers, told in a shuffle. */
  readonly shuffleActive: number
  readonly shufflePassive: number
  /** Milliseconds between shuffles on average; each takes between half and one and a half times as long. */
  readonly shuffleIntervalMs: number
  /**
   * Milliseconds in which a peer that is asked to be a neighbour has to answer. The dial is included, some six round
   * trips over TCP, for which the 500 ms of iroh-gossip 0.101 are too few; nobody else has to know.
   */
  readonly neighbourTimeoutMs: number
  /** Milliseconds in which who has refused us is not asked again. */
  readonly refusalRestMs: number
  /** Neighbours that others may push out a second, and at once: who is known to all would do nothing but change them. */
  readonly evictionsPerSecond: number
  readonly evictionsAtOnce: number
  /** Peers asked at the same time: each may cost a dial, and neighbours can name any number. */
  readonly requestsAtOnce: number
  /** Peers taken from one message: twice what a shuffle carries. Each key never seen costs some 90 us to check. */
  readonly peersPerMessage: number
  /** Bytes of what a peer says of its addresses: some 40 addresses, and a shuffle of it still fits a frame or two. */
  readonly peerDataBytes: number
}

export interface TreeLimits {
  /** Milliseconds that a message which a neighbour is said to have may take to come by itself. */
  readonly missingMs: number
  /** Milliseconds that a message that was asked for may take; then the next who has it is asked. */
  readonly graftMs: number
  /** Milliseconds in which announcements are collected. */
  readonly lazyDispatchMs: number
  /** Hops by which another way must be shorter before it takes the place of ours. */
  readonly optimisationHops: number
  /** Milliseconds that a message is kept for who asks for it. */
  readonly cacheMs: number
  /** Milliseconds that the id of a message is known, so that it is judged once. */
  readonly seenMs: number
  /** Milliseconds to which moments of forgetting are rounded up, so that they share one timer. */
  readonly evictMs: number
  /** Messages and bytes kept; the oldest go first. */
  readonly cachedMessages: number
  readonly cachedBytes: number
  /** Ids known, some 90 a second over the time they are kept; the oldest go first. */
  readonly seenIds: number
  /** Messages waited for, in all and by the word of one neighbour; what is announced beyond it is not waited for. */
  readonly missingIds: number
  readonly missingIdsPerPeer: number
  /** Announcements that wait for one neighbour; the oldest go first. */
  readonly announcements: number
  /** How often one neighbour may ask for one message: a question is a hundred times smaller than its answer. */
  readonly answersPerPeer: number
}

export interface HealerLimits {
  /** Interested peers kept in mind for a topic. */
  readonly candidates: number
  /** Candidates asked at once by a node that has no neighbour. */
  readonly joinsAtOnce: number
  /** Candidates offered as replacements at a time by a node that has too few neighbours. */
  readonly offersAtOnce: number
  /** Milliseconds before the first new attempt of a node with too few neighbours. */
  readonly retryMinMs: number
  /** Milliseconds between attempts after many that changed nothing. */
  readonly retryMaxMs: number
  /** Milliseconds a candidate over which the nodes of a topic spread what they do about new candidates. */
  readonly spreadPerCandidateMs: number
  readonly spreadMinMs: number
  readonly spreadMaxMs: number
  /**
   * The chance to greet a new candidate is the square of the share of the new ones among all, times this: certain when
   * half of them are new, as after a partition, and next to nothing while a node learns one by one of those who have
   * been there all along.
   */
  readonly greetingFactor: number
  /** Milliseconds between greetings of strangers over the whole overlay, while nothing seems wrong. */
  readonly probeMs: number
}

export interface OverlayLimits extends MembershipLimits, TreeLimits, HealerLimits {
  /** Bytes that a frame stays below, p2panda's limit. */
  readonly frameBytes: number
  /** Messages of a topic that wait for its first neighbour, as many as p2panda's channel into gossip holds. */
  readonly waitingMessages: number
  /** Topics that a node joins, and streams that one connection may hold open towards us. */
  readonly topics: number
  readonly streamsPerConnection: number
  /** Bytes of unfinished frames on all streams of one connection. */
  readonly partialBytes: number
  /** Messages that wait for one peer to be reached or to read on; then what is broadcast is dropped. */
  readonly queuedMessages: number
  /** Connections with one peer: each side may dial at once, and p2panda's nodes keep an older one for reading. */
  readonly connectionsPerPeer: number
  /** Connections in all: some hundred topics with five neighbours each. */
  readonly connections: number
  readonly dialsAtOnce: number
  /** Milliseconds that a connection lives on without a topic that needs it: a node answers in this time or never. */
  readonly lingerMs: number
  /** Milliseconds in which a peer that could not be dialled is not dialled again: at first, and after many failures. */
  readonly dialRestMinMs: number
  readonly dialRestMaxMs: number
  /** Messages a second taken from one connection in the long run, each of which may cost the check of a signature. */
  readonly messagesPerSecond: number
  /** Of these those about membership, each of which may make us dial: many only where hundreds join at once. */
  readonly membershipPerSecond: number
  /** Seconds whose worth may come at once. */
  readonly burstSeconds: number
  /** Invalid messages of one peer before it is left: honest nodes judge before they pass on. */
  readonly invalidMessages: number
  /** Milliseconds in which one invalid message is forgiven. */
  readonly invalidForgivenMs: number
  /** Milliseconds in which a peer that broke the rules is not let in again. */
  readonly shunMs: number
  /** Such peers kept in mind, and such that could not be dialled; up to twice as many are. */
  readonly rememberedPeers: number
}

export const DEFAULT_OVERLAY_LIMITS: OverlayLimits = {
  activeView: 5,
  passiveView: 30,
  joinWalkHops: 6,
  adoptionShare: 0.1,
  passiveWalkHops: 3,
  shuffleWalkHops: 6,
  shuffleActive: 3,
  shufflePassive: 4,
  shuffleIntervalMs: 60_000,
  neighbourTimeoutMs: 3_000,
  refusalRestMs: 10_000,
  evictionsPerSecond: 2,
  evictionsAtOnce: 10,
  requestsAtOnce: 32,
  peersPerMessage: 16,
  peerDataBytes: 1_024,

  missingMs: 80,
  graftMs: 40,
  lazyDispatchMs: 5,
  optimisationHops: 7,
  cacheMs: 30_000,
  seenMs: 90_000,
  evictMs: 1_000,
  cachedMessages: 1_024,
  cachedBytes: 1_048_576,
  seenIds: 8_192,
  missingIds: 1_024,
  missingIdsPerPeer: 256,
  announcements: 1_024,
  answersPerPeer: 2,

  candidates: 1_024,
  joinsAtOnce: 2,
  offersAtOnce: 3,
  retryMinMs: 1_000,
  retryMaxMs: 60_000,
  spreadPerCandidateMs: 500,
  spreadMinMs: 2_000,
  spreadMaxMs: 60_000,
  greetingFactor: 4,
  probeMs: 300_000,

  frameBytes: 4_096,
  waitingMessages: 128,
  topics: 1_024,
  streamsPerConnection: 512,
  partialBytes: 65_536,
  queuedMessages: 128,
  connectionsPerPeer: 4,
  connections: 512,
  dialsAtOnce: 32,
  lingerMs: 5_000,
  dialRestMinMs: 1_000,
  dialRestMaxMs: 30_000,
  messagesPerSecond: 1_000,
  membershipPerSecond: 100,
  burstSeconds: 2,
  invalidMessages: 16,
  invalidForgivenMs: 10_000,
  shunMs: 60_000,
  rememberedPeers: 1_024,
}
