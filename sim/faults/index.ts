export { type Churn, type PlannedCrash, planChurn } from './churn.js'
export { type LinkControl, NetworkFaults } from './network.js'
