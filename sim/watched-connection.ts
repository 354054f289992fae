/** A connection as it is, and word of its end to a second listener beside its owner. */

import type { Connection } from '../engine/ports.js'

export function watchedConnection(connection: Connection, ended: () => void): Connection {
  let handler: ((code: number | null) => void) | null = null
  connection.onClose(code => {
    ended()
    handler?.(code)
  })
  return {
    remote: connection.remote,
    role: connection.role,
    protocol: connection.protocol,
    openBi: () => connection.openBi(),
    openUni: () => connection.openUni(),
    onStream: onStream => connection.onStream(onStream),
    onClose: onClose => {
      handler = onClose
    },
    close: code => connection.close(code),
  }
}
