/**
 * Goal: an engine whose disk fails for a moment says so with a code, leaves nothing half done, and goes on when the disk
 * works again; bits that turn on the medium are noticed and never reach an app as good.
 * Method: one engine without peers on a simulated disk; each storage step of a publication and of an acknowledgement
 * fails once, the disk fills up, and every read of a replay turns a bit, under several seeds.
 */

import { beforeAll, describe, expect, it } from 'vitest'
import {
  bytesToHex,
  isThicketError,
  type OperationId,
  portableCrypto,
  SigningKey,
  Topic,
} from '../../engine/core/index.js'
import { createEngine, type Engine } from '../../engine/node/index.js'
import type { Transport } from '../../engine/ports.js'
import { bytesCodec, type Subscription } from '../../engine/streams/index.js'
import { createDisk, type Disk, type DiskImage, loadSqlite, type Sqlite } from '../disk/index.js'
import { createKernel, type Kernel } from '../kernel/index.js'
import { inspectDatabase } from './invariants.js'
import { openForCrash } from './storage.js'
import type { Journal } from './types.js'

let sqlite: Sqlite
beforeAll(async () => {
  sqlite = await loadSqlite()
})

const topic = Topic.fromBytes(new Uint8Array(32).fill(7))
const signingKey = SigningKey.fromBytes(new Uint8Array(32).fill(1))
const alone: Transport = { start() {}, addresses: () => [], dial() {}, connect() {}, stop() {} }

interface Life {
  readonly engine: Engine
  readonly kernel: Kernel
  readonly disk: Disk
}

function boot(journal: Journal, disk = createDisk()): Life {
  const kernel = createKernel({ seed: 1 })
  const clock = kernel.clock(0)
  const random = kernel.random('node')
  const database = openForCrash(disk, { sqlite, journal, synchronous: 'full', random }, clock)
  const engine = createEngine({
    signingKey,
    networkId: new Uint8Array(32),
    database,
    crypto: portableCrypto,
    clock,
    random,
    transport: alone,
    trace: null,
    ackPolicy: 'explicit',
    ordering: 'causal',
  })
  return { engine, kernel, disk }
}

function body(number: number, length = 40): Uint8Array {
  return new Uint8Array(length).fill(number)
}

function publish({ engine }: Life, number: number, length?: number): OperationId {
  return engine.publish(topic, body(number, length), false).operation.id
}

/** More than the free room of any file of a young database. */
const LARGE_BYTES = 900_000

function codeOf(work: () => void): string {
  try {
    work()
  } catch (error) {
    if (isThicketError(error)) return error.code
    throw error
  }
  return 'none'
}

function seqNums({ engine }: Life): readonly number[] {
  return inspectDatabase(engine.store.database).operations.map(({ seqNum }) => seqNum)
}

function findings({ engine }: Life): readonly unknown[] {
  return inspectDatabase(engine.store.database).findings
}

/** Steps of one more publication, by kind. */
function stepsOf(journal: Journal, work: (life: Life) => void, prepare: (life: Life) => void) {
  const life = boot(journal)
  prepare(life)
  const before = life.disk.counts
  work(life)
  const after = life.disk.counts
  life.engine.stop()
  return (['write', 'sync', 'delete'] as const).flatMap(step => {
    const name = `${step}s` as 'writes' | 'syncs' | 'deletes'
    return Array.from({ length: after[name] - before[name] }, (_, nth) => ({ step, after: nth + 1 }))
  })
}

describe.each(['wal', 'rollback'] as const)('an engine on a disk with a %s journal', journal => {
  it('publishes whole or not at all when any one step fails, and goes on', () => {
    const steps = stepsOf(
      journal,
      life => publish(life, 2),
      life => publish(life, 1),
    )
    expect(steps.length).toBeGreaterThan(4)
    let failed = 0
    for (const step of steps) {
      const life = boot(journal)
      publish(life, 1)
      life.disk.fail(step)
      const code = codeOf(() => publish(life, 2))
      // What failed after the commit (a checkpoint, a journal that stays) has published all the same.
      expect(['database-io', 'none'], JSON.stringify(step)).toContain(code)
      if (code !== 'none') failed += 1
      const known = code === 'none' ? 2 : 1
      expect(seqNums(life), JSON.stringify(step)).toEqual(Array.from({ length: known }, (_, seq) => seq))
      publish(life, 3)
      expect(seqNums(life)).toEqual(Array.from({ length: known + 1 }, (_, seq) => seq))
      expect(findings(life)).toEqual([])
      life.disk.kill()
      const again = boot(journal, createDisk({ image: life.disk.survivors(createKernel({ seed: 2 }).random('cut')) }))
      expect(seqNums(again), `after ${JSON.stringify(step)} and a power cut`).toEqual(
        Array.from({ length: known + 1 }, (_, seq) => seq),
      )
      expect(findings(again)).toEqual([])
      again.engine.stop()
    }
    expect(failed).toBeGreaterThan(2)
  })

  it('reports an acknowledgement that failed, and keeps one that did not', () => {
    const prepare = (life: Life) => {
      publish(life, 1)
      life.engine.subscribe(topic, { codec: bytesCodec })
    }
    const acknowledge = (life: Life) => {
      let result: Error | null | undefined
      const subscription = life.engine.subscribe(topic, { codec: bytesCodec })
      const id = life.engine.store.operations.atSeq(1, 0)!.id
      subscription.ack(id, error => {
        result = error
      })
      life.engine.flush()
      return result
    }
    let failed = 0
    for (const step of stepsOf(journal, acknowledge, prepare)) {
      const life = boot(journal)
      prepare(life)
      life.disk.fail(step)
      const result = acknowledge(life)
      expect(result === null || isThicketError(result, 'database-io'), JSON.stringify(step)).toBe(true)
      if (result) failed += 1
      const owed = life.engine.subscribe(topic, { codec: bytesCodec })
      expect(owed.next()?.type, JSON.stringify(step)).toBe(result ? 'replay-started' : undefined)
      expect(acknowledge(life)).toBe(null)
      expect(findings(life)).toEqual([])
      life.disk.kill()
    }
    expect(failed).toBeGreaterThan(0)
  })

  it('says that the disk is full, holds what it has, and goes on when there is room', () => {
    const life = boot(journal)
    publish(life, 1)
    life.disk.setCapacity(life.disk.bytes)
    for (let attempt = 0; attempt < 3; attempt++) {
      // A log that was carried over has room for a little.
      expect(codeOf(() => publish(life, 2, LARGE_BYTES))).toBe('database-full')
    }
    expect(seqNums(life)).toEqual([0])
    expect(findings(life)).toEqual([])
    life.disk.setCapacity(Number.POSITIVE_INFINITY)
    publish(life, 3, LARGE_BYTES)
    expect(seqNums(life)).toEqual([0, 1])
    life.disk.kill()
  })
})

describe('bits that turn on the medium', () => {
  const OPERATIONS = 8
  const BODY_BYTES = 900

  function written(): { readonly image: DiskImage; readonly bodies: ReadonlyMap<string, string> } {
    const life = boot('wal')
    const bodies = new Map<string, string>()
    for (let number = 1; number <= OPERATIONS; number++)
      bodies.set(publish(life, number, BODY_BYTES), bytesToHex(body(number, BODY_BYTES)))
    life.engine.stop()
    return { image: life.disk.image(), bodies }
  }

  /** Everything a stream says; an error that it throws ends it. */
  function drain(subscription: Subscription<Uint8Array>) {
    const said: {
      readonly type: string
      readonly id?: string | null
      readonly hex?: string
      readonly code?: string
    }[] = []
    for (let event = subscription.next(); event; event = subscription.next()) {
      if (event.type === 'processed')
        said.push({ type: event.type, id: event.operation.id, hex: bytesToHex(event.operation.message) })
      else if (event.type === 'processing-failed') said.push({ type: event.type, id: event.id, code: event.error.code })
    }
    return said
  }

  it.each(['header', 'body'])('in a %s are told, and the operation stays owed until it reads well again', column => {
    const code = 'database-corrupt'
    const { image, bodies } = written()
    const life = boot('wal', createDisk({ image }))
    const { database } = life.engine.store
    const good = database
      .prepare(`SELECT ${column} AS bytes FROM operations WHERE seq = 3`)
      .get<{ bytes: Uint8Array }>()!
    const bad = good.bytes.slice()
    bad[bad.length - 1]! ^= 4
    const put = database.prepare(`UPDATE operations SET ${column} = ? WHERE seq = 3`)
    put.run(bad)
    const subscription = life.engine.subscribe(topic, { codec: bytesCodec })
    const said = drain(subscription)
    const ids = [...bodies.keys()]
    expect(said.filter(({ type }) => type !== 'processed')).toEqual([{ type: 'processing-failed', id: ids[3], code }])
    expect(said.filter(({ type }) => type === 'processed').map(({ id }) => id)).toEqual(ids.filter((_, at) => at !== 3))
    subscription.ack(ids[7] as OperationId, () => {})
    life.engine.flush()
    put.run(good.bytes)
    const again = drain(life.engine.subscribe(topic, { codec: bytesCodec }))
    expect(again).toEqual([{ type: 'processed', id: ids[3], hex: bodies.get(ids[3]!) }])
    life.disk.kill()
  })

  it('at any read of a replay never reach the app as good', () => {
    const { image, bodies } = written()
    const codes = new Set<string>()
    let delivered = 0
    for (let seed = 0; seed < 6; seed++) {
      for (let afterReads = 1; ; afterReads++) {
        const disk = createDisk({ image })
        disk.rot({ afterReads, damage: createKernel({ seed }).random(`rot/${afterReads}`) })
        const code = codeOf(() => {
          const life = boot('wal', disk)
          for (const event of drain(life.engine.subscribe(topic, { codec: bytesCodec }))) {
            if (event.type === 'processed') {
              delivered += 1
              expect(bodies.get(event.id!), `seed ${seed}, read ${afterReads}`).toBe(event.hex)
            } else codes.add(event.code!)
          }
        })
        codes.add(code)
        const { reads } = disk.counts
        disk.kill()
        if (reads < afterReads) break
      }
    }
    expect(delivered).toBeGreaterThan(0)
    expect([...codes].filter(code => code !== 'none' && !code.startsWith('database-'))).toEqual([])
    expect(codes).toContain('database-corrupt')
  })
})
