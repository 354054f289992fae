/** Every bound of the broker, with its unit and its reason. */

export interface BrokerLimits {
  /** WebSocket connections at once: a household or a team with some devices each. */
  readonly connections: number
  /** Connections that have not said hello: each may hold a whole message, so there are few. */
  readonly strangers: number
  /** Milliseconds from the opening to a good hello. */
  readonly helloMs: number
  /** Bytes of a hello: a token and a name. */
  readonly helloBytes: number
  /** Bytes of one message or HTTP body: JSON is held as text and as values. */
  readonly messageBytes: number
  /** Subscriptions of one connection. */
  readonly subscriptions: number
  /** Unacknowledged messages of one subscription, where the client names no window of its own. */
  readonly defaultWindow: number
  /** The largest window: only ids are kept for it. */
  readonly window: number
  /** Requests of one connection that wait for their turn; beyond it nothing is read from its socket. */
  readonly requests: number
  /** Bytes of these. */
  readonly requestBytes: number
  /** Bytes that wait for a slow reader; beyond it nothing is delivered to it and nothing is read from it. */
  readonly bufferedBytes: number
  /** Milliseconds between two looks at a connection; silent for two of them, it is gone. */
  readonly pingMs: number
  /** Topics that clients have named; all of them are synced as long as the node lives. */
  readonly topics: number
  /** References of publications that are remembered, the newest: some 130 bytes each. */
  readonly references: number
  /** Rows of one HTTP answer. */
  readonly rows: number
  /** HTTP connections beside the WebSockets. */
  readonly httpConnections: number
}

export const DEFAULT_BROKER_LIMITS: BrokerLimits = {
  connections: 256,
  strangers: 32,
  helloMs: 10_000,
  helloBytes: 4 * 1024,
  messageBytes: 2 * 1024 * 1024,
  subscriptions: 64,
  defaultWindow: 64,
  window: 1_024,
  requests: 64,
  requestBytes: 2 * 1024 * 1024,
  bufferedBytes: 1024 * 1024,
  pingMs: 20_000,
  topics: 1_024,
  references: 1_000_000,
  rows: 1_000,
  httpConnections: 256,
}

/** Characters of names that clients choose: ids and words, not texts. */
export const CLIENT_CHARACTERS = 128
export const REF_CHARACTERS = 128
export const CONSUMER_CHARACTERS = 200

/** Ids that one publication may name; as many as the node names by itself. */
export const DEPENDENCIES = 64

/** Characters of a token: 32 hexadecimal digits are 128 bits, which nobody guesses. */
export const MIN_TOKEN_CHARACTERS = 32

/** Publications between two looks at references that have grown too many. */
export const REFERENCES_SWEEP = 1_024
