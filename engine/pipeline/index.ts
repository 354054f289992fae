export type { Changes, Fork, Outcome, StoredRef } from './ingest.js'
export { DEFAULT_ORDER_LIMITS, type OrderLimits, type Released } from './order.js'
export {
  type Committed,
  createPipeline,
  type Judged,
  type Pipeline,
  type Publication,
  type RawOperation,
} from './pipeline.js'
export { checkStoredBody, storedHeader } from './stored-header.js'
