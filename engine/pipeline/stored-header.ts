/**
 * Headers and bodies come back from the store as bytes. The signature was verified when they were stored and is not
 * verified again; their hashes are computed anew, because SQLite does not notice bit rot.
 */

import {
  acceptHeader,
  bytesToHex,
  type Header,
  hash,
  type OperationId,
  parseHeader,
  ThicketError,
} from '../core/index.js'

export function storedHeader(bytes: Uint8Array, id: OperationId): Header {
  let header: Header
  try {
    header = acceptHeader(parseHeader(bytes), true)
  } catch (cause) {
    throw new ThicketError('database-corrupt', 'a stored header does not decode', { id }, { cause })
  }
  if (header.id !== id)
    throw new ThicketError('database-corrupt', 'a stored header does not have its id', { id, got: header.id })
  return header
}

/** Throws `database-corrupt` when the stored body is not the one that the header names. */
export function checkStoredBody(body: Uint8Array, header: Header, id: OperationId): void {
  if (bytesToHex(hash(body)) !== header.payloadHash)
    throw new ThicketError('database-corrupt', 'a stored body does not have the hash in its header', { id })
}
