export { createDirectGossip, type DirectGossip, type DirectGossipConfig, type GossipMetrics } from './direct.js'
export { DEFAULT_GOSSIP_LIMITS, type GossipLimits } from './limits.js'
export { createOverlayGossip } from './overlay.js'
export { DEFAULT_OVERLAY_LIMITS, type OverlayLimits } from './overlay-limits.js'
export type {
  OverlayGossip,
  OverlayGossipConfig,
  OverlayMetrics,
  OverlayTrafficClass,
  Traffic,
} from './overlay-types.js'
export { overlayProtocolId } from './overlay-wire.js'
export { decodePeerData, encodePeerData } from './peer-data.js'
export { gossipProtocolId } from './wire.js'
