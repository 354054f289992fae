export { contentHash, contentsOf, type HeldOperation, heightsOf } from './contents.js'
export { type Attempt, Ledger, type PublishedEntry } from './ledger.js'
export { type Delivery, type Recovered, type SafetyCheck, SafetyChecks, type Violation } from './safety.js'
