export { createDirectGossip, type DirectGossip, type DirectGossipConfig, type GossipMetrics } from './direct.js'
export { DEFAULT_GOSSIP_LIMITS, type GossipLimits } from './limits.js'
export { gossipProtocolId } from './wire.js'
