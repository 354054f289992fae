/** Whether 32 bytes are an Ed25519 public key as p2panda decodes one: any point of the curve, small orders included. */

import { Point } from '@noble/ed25519'

export function isVerifyingKey(bytes: Uint8Array): boolean {
  try {
    // The lenient reading takes coordinates that are not reduced, as the released crates do.
    Point.fromBytes(bytes, true)
    return true
  } catch {
    return false
  }
}
