/**
 * Headers come back from the store as bytes. Their signature was verified when they were stored and is not verified
 * again; their hash is computed anew, because SQLite does not notice bit rot.
 */

import { acceptHeader, type Header, type OperationId, parseHeader, ThicketError } from '../core/index.js'

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
