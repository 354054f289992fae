export {
  BrokerClient,
  type ClientOptions,
  type ClientPublishOptions,
  connectBroker,
  type SubscribeOptions,
} from './client.js'
export { BrokerError } from './errors.js'
export type { LinkState } from './link.js'
export type {
  BrokerEvent,
  BrokerOperation,
  ClientMessage,
  From,
  Json,
  PublishMessage,
  ServerMessage,
} from './messages.js'
export type { ClientEvent, ClientOperation, ClientSubscription } from './subscription.js'
export type { SocketConstructor, SocketLike, StorageLike } from './world.js'
