/**
 * Goal: connections over iroh behave as over any other transport.
 * Method: the shared contract over real QUIC on loopback, one pair of nodes for each test.
 */

import { connectionContract } from '../../connection.contract.js'
import { addressedPair } from '../addressed/pair.contract.js'
import { openTransport } from './nodes.contract.js'

connectionContract('iroh', () => addressedPair(openTransport))
