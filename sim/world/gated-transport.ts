/** The network as a paused process sees it: what arrives waits, in order, until the process runs again. */

import type { Connection, Stream, Transport, TransportHost } from '../../engine/ports.js'
import type { Gate } from './gate.js'

export function gatedTransport(transport: Transport, gate: Gate): Transport {
  return {
    start(host: TransportHost) {
      transport.start({
        id: host.id,
        networkId: host.networkId,
        ...(host.addressed ? { addressed: host.addressed } : {}),
        peerFound: (peer, origin) => gate.pass(() => host.peerFound(peer, origin)),
        peerLost: peer => gate.pass(() => host.peerLost(peer)),
        // Accepting only hands over: the owner must set its handlers before control returns, so nothing may wait here.
        accept: connection => host.accept(gatedConnection(connection, gate)),
      })
    },
    addresses: () => transport.addresses(),
    dial(peer, protocol, done) {
      transport.dial(peer, protocol, connection => {
        const gated = connection && gatedConnection(connection, gate)
        gate.pass(() => done(gated))
      })
    },
    connect: address => transport.connect(address),
    ...(transport.addressing ? { addressing: transport.addressing } : {}),
    stop: () => transport.stop(),
  }
}

function gatedConnection(connection: Connection, gate: Gate): Connection {
  return {
    remote: connection.remote,
    role: connection.role,
    protocol: connection.protocol,
    openBi: () => gatedStream(connection.openBi(), gate),
    openUni: () => gatedStream(connection.openUni(), gate),
    onStream: handler => connection.onStream(stream => handler(gatedStream(stream, gate))),
    onClose: handler => connection.onClose(code => gate.pass(() => handler(code))),
    close: code => connection.close(code),
  }
}

function gatedStream(stream: Stream, gate: Gate): Stream {
  return {
    kind: stream.kind,
    write: bytes => stream.write(bytes),
    onDrain: handler => stream.onDrain(() => gate.pass(handler)),
    onData: handler => stream.onData(bytes => gate.pass(() => handler(bytes))),
    onEnd: handler => stream.onEnd(() => gate.pass(handler)),
    onAbort: handler => stream.onAbort(code => gate.pass(() => handler(code))),
    end: () => stream.end(),
    abort: code => stream.abort(code),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  }
}
