/** A radio as a paused process has it: what arrives waits, in order, until the process runs again. */

import type { Radio } from '../../engine/ports.js'
import type { Gate } from './gate.js'

export function gatedRadio(radio: Radio, gate: Gate): Radio {
  return {
    name: radio.name,
    mtu: radio.mtu,
    airtimeMs: bytes => radio.airtimeMs(bytes),
    budget: () => radio.budget(),
    send: (frame, kind, done) => radio.send(frame, kind, outcome => gate.pass(() => done(outcome))),
    onFrame: handler => radio.onFrame((frame, signal) => gate.pass(() => handler(frame, signal))),
    close: () => radio.close(),
  }
}
