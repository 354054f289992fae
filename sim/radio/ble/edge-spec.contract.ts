/** A BLE radio for tests, with round figures: 40 dB at a metre, exponent 2.5, no shadows, a scan of 30 ms in each 100. */

import type { BleSpec } from './spec.js'

export const EDGE_SPEC: BleSpec = {
  name: 'edge',
  phy: '1M',
  intervalMs: 100,
  windowMs: 30,
  powerDbm: 0,
  loss: 0,
  propagation: {
    model: 'log-distance',
    exponent: 2.5,
    sigmaDb: 0,
    referenceM: 1,
    lossAtReferenceDb: 40,
    environment: 'suburban',
  },
}
