/** Goal: the portable crypto keeps the contract of all. Method: the shared contract. */

import { cryptoContract } from './crypto.contract.js'
import { portableCrypto } from './index.js'

cryptoContract('portable JavaScript', () => portableCrypto)
