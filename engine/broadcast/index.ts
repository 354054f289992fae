export type { TopicSource } from './authors.js'
export { type BroadcastSettings, DEFAULT_BROADCAST_SETTINGS } from './limits.js'
export {
  type Broadcast,
  type BroadcastMetrics,
  type BroadcastOptions,
  type BroadcastVerdict,
  createBroadcast,
} from './manager.js'
export type { ReceivedOperation } from './rebuild.js'
export type { StoredNews, StoredOrigin } from './topic.js'
