/**
 * A wire on loopback that delays what passes and can be cut, for machines that have no `tc netem`. To TCP, loss is
 * delay as well. Nodes that have learnt each other's true addresses may find a way around it.
 */

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SlowWire {
  readonly port: number
  /** Ends all that pass now and lets nobody in. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

export async function openSlowWire(towards: number, delayMs: number): Promise<SlowWire> {
  const sockets = new Set<Socket>()
  let isCut = false

  function carry(from: Socket, to: Socket): void {
    sockets.add(from)
    from.on('data', (bytes: Uint8Array) => {
      // Nothing overtakes: timers of one length fire in the order in which they were set.
      setTimeout(() => to.writable && to.write(bytes), delayMs)
    })
    from.on('end', () => setTimeout(() => to.writable && to.end(), delayMs))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      sockets.delete(from)
      setTimeout(() => to.destroy(), delayMs)
    })
  }

  const server = createServer({ allowHalfOpen: true }, near => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect({ port: towards, host: '127.0.0.1', allowHalfOpen: true })
    carry(near, far)
    carry(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    mend() {
      isCut = false
    },
    async close() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
