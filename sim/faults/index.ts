export { type LinkControl, NetworkFaults } from './network.js'
