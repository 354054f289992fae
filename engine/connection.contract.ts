/**
 * What every Transport promises, whatever lies beneath: an in-process hub, simulated links, libp2p, iroh. Each
 * implementation calls `connectionContract` from its own test with a pair of transports and a way to let its world go on.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bytesEqual, concatBytes, isThicketError, type VerifyingKey } from './core/index.js'
import type { Connection, Stream, Transport, TransportHost } from './ports.js'

/** Two transports of one network that can reach each other, not started yet. */
export interface TransportPair {
  readonly a: Transport
  readonly b: Transport
  readonly idA: VerifyingKey
  readonly idB: VerifyingKey
  readonly networkId: Uint8Array
  /** Lets the world go on until the condition holds; throws when it does not within a generous while. */
  until(condition: () => boolean): Promise<void>
  /** Lets the world go on long enough that what should not happen would have happened. */
  settle(): Promise<void>
  /** Ends A's process at once, where the world can; nothing of A may be called afterwards. */
  killA?(): void
  /** Runs something as a world would: in a turn of its own. Left out where any moment will do. */
  inTurn?(body: () => void): Promise<void>
  close(): Promise<void>
}

/** How much a writer may have handed in before `write` says false, and what may wait in the way beside it. */
const BACK_PRESSURE_BOUND = 2 * 1024 * 1024
const PROTOCOL = '/thicket-contract/1'

/** What a stream has told. */
class Heard {
  readonly chunks: Uint8Array[] = []
  bytes = 0
  ends = 0
  readonly aborts: (number | null)[] = []
  drains = 0
  readonly stream: Stream

  constructor(stream: Stream) {
    this.stream = stream
    stream.onData(bytes => {
      this.chunks.push(bytes)
      this.bytes += bytes.length
    })
    stream.onEnd(() => this.ends++)
    stream.onAbort(code => this.aborts.push(code))
    stream.onDrain(() => this.drains++)
  }

  get all(): Uint8Array {
    return concatBytes(...this.chunks)
  }

  get events(): number {
    return this.chunks.length + this.ends + this.aborts.length + this.drains
  }
}

/** What a connection has told. */
class Met {
  readonly streams: Heard[] = []
  readonly closes: (number | null)[] = []
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
    connection.onStream(stream => this.streams.push(new Heard(stream)))
    connection.onClose(code => this.closes.push(code))
  }
}

class Host implements TransportHost {
  readonly found: VerifyingKey[] = []
  readonly lost: VerifyingKey[] = []
  readonly accepted: Met[] = []
  readonly id: VerifyingKey
  readonly networkId: Uint8Array

  constructor(id: VerifyingKey, networkId: Uint8Array) {
    this.id = id
    this.networkId = networkId
  }

  peerFound(peer: VerifyingKey): void {
    this.found.push(peer)
  }

  peerLost(peer: VerifyingKey): void {
    this.lost.push(peer)
  }

  accept(connection: Connection): void {
    this.accepted.push(new Met(connection))
  }
}

/** Bytes that differ from place to place, so that a chunk that moved or was lost shows. */
function pattern(length: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >>> 8) * 17 + salt) & 0xff
  return bytes
}

export function connectionContract(
  name: string,
  makePair: () => TransportPair | Promise<TransportPair>,
  options: { readonly canKill?: boolean } = {},
): void {
  describe(`${name}: connection contract`, () => {
    let pair: TransportPair
    let hostA: Host
    let hostB: Host

    beforeEach(async () => {
      pair = await makePair()
      hostA = new Host(pair.idA, pair.networkId)
      hostB = new Host(pair.idB, pair.networkId)
      pair.a.start(hostA)
      pair.b.start(hostB)
      await pair.until(() => hostA.found.includes(pair.idB))
    })

    afterEach(() => pair.close())

    const inTurn = async (body: () => void): Promise<void> => {
      if (pair.inTurn === undefined) body()
      else await pair.inTurn(body)
    }

    /** A connection that A has dialled; B meets it once something travels. */
    const dial = async (): Promise<Met> => {
      let met: Met | null | undefined
      await inTurn(() => {
        pair.a.dial(pair.idB, PROTOCOL, connection => {
          met = connection === null ? null : new Met(connection)
        })
      })
      await pair.until(() => met !== undefined)
      expect(met, 'the dial succeeds').not.toBeNull()
      return met!
    }

    const connect = async (): Promise<{ a: Met; b: Met }> => {
      const before = hostB.accepted.length
      const a = await dial()
      await pair.until(() => hostB.accepted.length > before)
      return { a, b: hostB.accepted[before]! }
    }

    /** A bi stream that A opened and said one byte on, as both see it. */
    const openBi = async (met: { a: Met; b: Met }): Promise<{ a: Heard; b: Heard }> => {
      const before = met.b.streams.length
      let a!: Heard
      await inTurn(() => {
        a = new Heard(met.a.connection.openBi())
        a.stream.write(Uint8Array.of(1))
      })
      await pair.until(() => met.b.streams.length > before && met.b.streams[before]!.bytes === 1)
      return { a, b: met.b.streams[before]! }
    }

    /** Writes as fast as the stream takes it. */
    const pour = (heard: Heard, data: Uint8Array, chunkBytes: number): { readonly written: number } => {
      const progress = { written: 0 }
      const go = (): void => {
        while (progress.written < data.length) {
          const chunk = data.subarray(progress.written, progress.written + chunkBytes)
          progress.written += chunk.length
          if (!heard.stream.write(chunk)) return
        }
      }
      heard.stream.onDrain(() => {
        heard.drains++
        go()
      })
      go()
      return progress
    }

    it('says on both ends who is there, in which role, for which protocol', async () => {
      const { a, b } = await connect()
      expect([a.connection.remote, a.connection.role, a.connection.protocol]).toEqual([pair.idB, 'initiator', PROTOCOL])
      expect([b.connection.remote, b.connection.role, b.connection.protocol]).toEqual([pair.idA, 'acceptor', PROTOCOL])
    })

    it('names addresses, and refuses one of another notation', () => {
      for (const address of pair.a.addresses()) expect(typeof address).toBe('string')
      let refusal: unknown
      try {
        pair.a.connect('no such address')
      } catch (error) {
        refusal = error
      }
      expect(isThicketError(refusal, 'address-invalid')).toBe(true)
    })

    it('fails a dial to a peer that is nowhere, once and later', async () => {
      const outcomes: (Connection | null)[] = []
      await inTurn(() => {
        pair.a.dial('f'.repeat(64) as VerifyingKey, PROTOCOL, connection => outcomes.push(connection))
        expect(outcomes).toEqual([])
      })
      await pair.until(() => outcomes.length > 0)
      await pair.settle()
      expect(outcomes).toEqual([null])
    })

    it.each([1, 7, 1_460, 4_096, 65_536, 200_000])('keeps bytes in order when written %i at a time', async size => {
      const streams = await openBi(await connect())
      const data = pattern(Math.min(400_000, size * 50))
      await inTurn(() => {
        pour(streams.a, data, size)
      })
      await pair.until(() => streams.b.bytes >= 1 + data.length)
      expect(bytesEqual(streams.b.all.subarray(1), data), 'the same bytes').toBe(true)
    })

    it('carries bytes both ways on a bi stream, whoever opened it', async () => {
      const met = await connect()
      const fromA = await openBi(met)
      await inTurn(() => fromA.b.stream.write(pattern(5_000, 3)))
      await pair.until(() => fromA.a.bytes === 5_000)
      expect(bytesEqual(fromA.a.all, pattern(5_000, 3)), 'the same bytes').toBe(true)
      let fromB!: Heard
      await inTurn(() => {
        fromB = new Heard(met.b.connection.openBi())
        fromB.stream.write(pattern(300, 9))
      })
      await pair.until(() => met.a.streams[0]?.bytes === 300)
      await inTurn(() => met.a.streams[0]!.stream.write(pattern(20, 4)))
      await pair.until(() => fromB.bytes === 20)
      expect(met.a.streams[0]!.stream.kind).toBe('bi')
    })

    it('carries bytes one way on a uni stream', async () => {
      const met = await connect()
      await inTurn(() => {
        const uni = met.a.connection.openUni()
        expect(uni.kind).toBe('uni')
        uni.write(pattern(1_000))
        uni.end()
      })
      await pair.until(() => met.b.streams[0]?.ends === 1)
      expect(met.b.streams[0]!.stream.kind).toBe('uni')
      expect(bytesEqual(met.b.streams[0]!.all, pattern(1_000)), 'the same bytes').toBe(true)
      await inTurn(() => met.b.streams[0]!.stream.end())
      await pair.settle()
      expect(met.a.closes).toEqual([])
    })

    it('half-closes each way: the other direction goes on', async () => {
      const { a, b } = await openBi(await connect())
      await inTurn(() => a.stream.end())
      await pair.until(() => b.ends === 1)
      await inTurn(() => b.stream.write(pattern(10_000)))
      await pair.until(() => a.bytes === 10_000)
      expect(a.ends).toBe(0)
      await inTurn(() => b.stream.end())
      await pair.until(() => a.ends === 1)
      await pair.settle()
      expect([a.ends, b.ends, a.aborts, b.aborts]).toEqual([1, 1, [], []])
    })

    it('tells the end of a stream on which nothing was said', async () => {
      const met = await connect()
      await inTurn(() => met.a.connection.openBi().end())
      await pair.until(() => met.b.streams[0]?.ends === 1)
      expect(met.b.streams[0]!.bytes).toBe(0)
    })

    it('tells the end only after all bytes, also to a reader that paused', async () => {
      const { a, b } = await openBi(await connect())
      await inTurn(() => b.stream.pause())
      await inTurn(() => {
        a.stream.write(pattern(50_000))
        a.stream.end()
      })
      await pair.settle()
      expect([b.bytes, b.ends]).toEqual([1, 0])
      await inTurn(() => b.stream.resume())
      await pair.until(() => b.ends === 1)
      expect(b.bytes).toBe(50_001)
    })

    it('aborts with a code, told once and on that stream alone', async () => {
      const met = await connect()
      const first = await openBi(met)
      const second = await openBi(met)
      await inTurn(() => {
        first.a.stream.abort(42)
        first.a.stream.abort(43)
      })
      await pair.until(() => first.b.aborts.length > 0)
      await inTurn(() => second.a.stream.write(pattern(100)))
      await pair.until(() => second.b.bytes === 101)
      await pair.settle()
      expect([first.b.aborts, first.a.aborts, second.b.aborts, met.b.closes]).toEqual([[42], [], [], []])
    })

    it('aborts from the side that accepted the stream as well', async () => {
      const { a, b } = await openBi(await connect())
      await inTurn(() => b.stream.abort(7))
      await pair.until(() => a.aborts.length > 0)
      expect(a.aborts).toEqual([7])
      await inTurn(() => expect(a.stream.write(pattern(10))).toBe(false))
    })

    it('closes with a code that both owners are told once', async () => {
      const { a, b } = await connect()
      await inTurn(() => {
        a.connection.close(17)
        expect(a.closes, 'not from within close').toEqual([])
        a.connection.close(18)
      })
      await pair.until(() => a.closes.length > 0 && b.closes.length > 0)
      await inTurn(() => {
        a.connection.close(19)
        b.connection.close(20)
      })
      await pair.settle()
      expect([a.closes, b.closes]).toEqual([[17], [17]])
    })

    it('closes from the acceptor as well', async () => {
      const { a, b } = await connect()
      await inTurn(() => b.connection.close(5))
      await pair.until(() => a.closes.length > 0)
      expect(a.closes).toEqual([5])
    })

    it('delivers what was written and half-closed before a close, and then the close', async () => {
      const met = await connect()
      const streams = await openBi(met)
      const order: string[] = []
      streams.b.stream.onEnd(() => order.push(`end after ${streams.b.bytes}`))
      met.b.connection.onClose(code => order.push(`close ${code}`))
      await inTurn(() => {
        streams.a.stream.write(pattern(200_000))
        streams.a.stream.end()
        met.a.connection.close(3)
      })
      await pair.until(() => order.length >= 2)
      expect(order).toEqual(['end after 200001', 'close 3'])
    })

    it('holds a close until a reader that paused has taken what came before it', async () => {
      const met = await connect()
      const streams = await openBi(met)
      await inTurn(() => streams.b.stream.pause())
      await inTurn(() => {
        streams.a.stream.write(pattern(100_000))
        streams.a.stream.end()
        met.a.connection.close(3)
      })
      await pair.settle()
      expect([streams.b.bytes, met.b.closes]).toEqual([1, []])
      await inTurn(() => streams.b.stream.resume())
      await pair.until(() => met.b.closes.length > 0)
      expect([streams.b.bytes, streams.b.ends, met.b.closes]).toEqual([100_001, 1, [3]])
    })

    it('aborts the streams that a close leaves unfinished, on the side that did not close', async () => {
      const met = await connect()
      const streams = await openBi(met)
      await inTurn(() => met.a.connection.close(1))
      await pair.until(() => met.b.closes.length > 0)
      await pair.settle()
      expect([streams.b.aborts, streams.a.events]).toEqual([[null], 0])
    })

    it('tells nothing but the close on the side that closed', async () => {
      const met = await connect()
      const streams = await openBi(met)
      await inTurn(() => streams.b.stream.write(pattern(1_000)))
      await inTurn(() => met.a.connection.close(1))
      const heard = streams.a.bytes
      await pair.settle()
      expect([streams.a.bytes, streams.a.aborts, met.a.closes]).toEqual([heard, [], [1]])
    })

    it('carries several streams at once, each in its own order', async () => {
      const met = await connect()
      const opened: Heard[] = []
      await inTurn(() => {
        for (let n = 0; n < 8; n++) opened.push(new Heard(met.a.connection.openBi()))
        // Not in the order of opening; the first byte tells which is which.
        for (let n = 7; n >= 0; n--) opened[n]!.stream.write(Uint8Array.of(n))
        for (const [n, heard] of opened.entries()) {
          pour(heard, pattern(100_000, n), 10_000)
        }
      })
      await pair.until(() => met.b.streams.length === 8 && met.b.streams.every(heard => heard.bytes === 100_001))
      for (const heard of met.b.streams)
        expect(bytesEqual(heard.all.subarray(1), pattern(100_000, heard.chunks[0]![0])), 'the same bytes').toBe(true)
    })

    it('lets a stream pass one whose reader has paused', async () => {
      const met = await connect()
      const slow = await openBi(met)
      const quick = await openBi(met)
      await inTurn(() => slow.b.stream.pause())
      await inTurn(() => {
        pour(slow.a, pattern(1_000_000), 50_000)
        pour(quick.a, pattern(500_000), 50_000)
      })
      await pair.until(() => quick.b.bytes === 500_001)
      expect(slow.b.bytes).toBe(1)
    })

    it('stops a fast writer while the reader pauses, and loses nothing of 5 MB', async () => {
      const { a, b } = await openBi(await connect())
      const data = pattern(5_000_000)
      await inTurn(() => b.stream.pause())
      let progress!: { readonly written: number }
      await inTurn(() => {
        progress = pour(a, data, 10_000)
      })
      await pair.settle()
      expect(progress.written).toBeLessThanOrEqual(BACK_PRESSURE_BOUND)
      expect(b.bytes).toBe(1)
      await inTurn(() => b.stream.resume())
      await pair.until(() => b.bytes === data.length + 1)
      expect(bytesEqual(b.all.subarray(1), data), 'the same bytes').toBe(true)
      expect(a.drains).toBeGreaterThan(0)
    })

    it('takes no more after a pause from within data, and goes on where it stopped', async () => {
      const { a, b } = await openBi(await connect())
      let taken = 0
      b.stream.onData(bytes => {
        taken += bytes.length
        b.stream.pause()
      })
      await inTurn(() => {
        pour(a, pattern(600_000), 30_000)
      })
      let rounds = 0
      while (taken < 600_000) {
        const before = taken
        await pair.until(() => taken > before)
        const after = taken
        await pair.settle()
        expect(taken, 'nothing comes while paused').toBe(after)
        expect(++rounds).toBeLessThan(5_000)
        await inTurn(() => {
          b.stream.resume()
          expect(taken, 'not from within resume').toBe(after)
        })
      }
      expect(taken).toBe(600_000)
    })

    it('never calls back from within dial, write, end, abort, open or the setting of a handler', async () => {
      let isWithin = false
      const calls: string[] = []
      const within = (body: () => void): void => {
        isWithin = true
        body()
        isWithin = false
      }
      const watch = (what: string) => () => {
        if (isWithin) calls.push(what)
      }
      let connection: Connection | null = null
      await inTurn(() => {
        within(() =>
          pair.a.dial(pair.idB, PROTOCOL, dialled => {
            watch('done')()
            connection = dialled
          }),
        )
      })
      await pair.until(() => connection !== null)
      const open = connection as unknown as Connection
      await inTurn(() => {
        within(() => {
          open.onClose(watch('close'))
          open.onStream(watch('stream'))
          const stream = open.openBi()
          stream.onDrain(watch('drain'))
          stream.onData(watch('data'))
          stream.onEnd(watch('end'))
          stream.onAbort(watch('abort'))
          for (let n = 0; n < 50; n++) stream.write(pattern(20_000))
          stream.end()
          open.openBi().abort(3)
          open.close(0)
        })
      })
      await pair.settle()
      expect(calls).toEqual([])
    })

    it('keeps what came before a handler was set', async () => {
      const { a, b } = await connect()
      let early: Stream | null = null
      b.connection.onStream(stream => {
        early = stream
      })
      await inTurn(() => {
        const stream = a.connection.openBi()
        stream.write(pattern(3_000))
        stream.end()
      })
      await pair.until(() => early !== null)
      await pair.settle()
      let heard!: Heard
      await inTurn(() => {
        heard = new Heard(early!)
        expect(heard.events, 'not from within the setting').toBe(0)
      })
      await pair.until(() => heard.ends === 1)
      expect(bytesEqual(heard.all, pattern(3_000)), 'the same bytes').toBe(true)
    })

    it('holds connections apart: closing one leaves another of the same pair alone', async () => {
      const first = await connect()
      const second = await connect()
      const streams = await openBi(second)
      await inTurn(() => first.a.connection.close(1))
      await pair.until(() => first.b.closes.length > 0)
      await inTurn(() => streams.a.stream.write(pattern(100)))
      await pair.until(() => streams.b.bytes === 101)
      expect([second.a.closes, second.b.closes]).toEqual([[], []])
    })

    it('lets both sides dial at once', async () => {
      const outcomes: Connection[] = []
      await inTurn(() => {
        pair.a.dial(pair.idB, PROTOCOL, connection => connection && outcomes.push(connection))
        pair.b.dial(pair.idA, PROTOCOL, connection => connection && outcomes.push(connection))
      })
      await pair.until(() => outcomes.length === 2 && hostA.accepted.length === 1 && hostB.accepted.length === 1)
    })

    it('ends every connection when a transport stops, and the other side is told', async () => {
      const met = await connect()
      await openBi(met)
      await inTurn(() => {
        pair.a.stop()
        pair.a.stop()
      })
      await pair.until(() => met.b.closes.length > 0)
      const accepted = hostA.accepted.length
      const outcomes: (Connection | null)[] = []
      await inTurn(() => {
        pair.b.dial(pair.idA, PROTOCOL, connection => outcomes.push(connection))
        pair.a.dial(pair.idB, PROTOCOL, connection => outcomes.push(connection))
      })
      await pair.until(() => outcomes.length === 2)
      expect([outcomes, hostA.accepted.length]).toEqual([[null, null], accepted])
    })

    // Where both ends live in one process there is none to kill.
    if (options.canKill) {
      it('calls nothing of a process that has died', async () => {
        const met = await connect()
        const streams = await openBi(met)
        await inTurn(() => {
          streams.b.stream.write(pattern(100_000))
          streams.a.stream.write(pattern(100_000))
          pair.a.dial(pair.idB, PROTOCOL, () => hostA.lost.push(pair.idB))
          pair.killA!()
        })
        const before = [streams.a.events, met.a.closes.length, hostA.found.length, hostA.lost.length]
        await pair.until(() => met.b.closes.length > 0)
        await pair.settle()
        expect([streams.a.events, met.a.closes.length, hostA.found.length, hostA.lost.length]).toEqual(before)
        expect(streams.b.bytes, 'what was queued has not left').toBe(1)
        expect([met.b.closes, streams.b.aborts]).toEqual([[null], [null]])
      })
    }
  })
}
