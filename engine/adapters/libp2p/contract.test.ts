/**
 * Goal: connections over libp2p behave as over any other transport.
 * Method: the shared contract over real TCP on loopback, one pair of nodes for each test.
 */

import { connectionContract } from '../../connection.contract.js'
import { addressedPair } from '../addressed/pair.contract.js'
import { openTransport } from './nodes.contract.js'

connectionContract('libp2p', () => addressedPair(openTransport))
