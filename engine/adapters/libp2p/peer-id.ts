/**
 * The text of libp2p's peer ids for Ed25519 keys: base58 of an identity multihash of the protobuf of the key. By hand,
 * so that reading an address loads nothing of libp2p.
 */

import type { VerifyingKey } from '../../core/index.js'
import { keyOfHex } from '../addressed/key-of-hex.js'

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** Identity multihash of 36 bytes; key type 1, Ed25519; 32 bytes of key. */
const PREFIX = '002408011220'
const PEER_ID_BYTES = 38
/** Characters of every such peer id: one for the leading zero byte, 51 for 296 bits. */
const PEER_ID_CHARACTERS = 52

export function peerIdText(key: VerifyingKey): string {
  let number = BigInt(`0x${PREFIX}${key}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
  return ALPHABET[0] + text
}

/** Null for what is not the peer id of an Ed25519 key. */
export function keyOfPeerId(text: string): VerifyingKey | null {
  if (text.length !== PEER_ID_CHARACTERS) return null
  let number = 0n
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return null
    number = number * 58n + BigInt(digit)
  }
  const hex = number.toString(16).padStart(PEER_ID_BYTES * 2, '0')
  if (hex.length !== PEER_ID_BYTES * 2 || !hex.startsWith(PREFIX)) return null
  return keyOfHex(hex.slice(PREFIX.length))
}
