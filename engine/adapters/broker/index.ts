export type { BrokerLimits } from './limits.js'
export type { BrokerLog } from './log.js'
export { type Broker, type BrokerOptions, startBroker } from './server.js'
export type { ScopedToken, TopicsAllowed } from './tokens.js'
