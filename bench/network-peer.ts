/**
 * One end of the catch-up over a real network, in a process of its own: holds a topic, or comes new and reads it. Told
 * and heard over the pipe of `fork`.
 */

import { Session } from 'node:inspector'
import { builder, Topic } from '../index.js'
import { type CpuShares, shareOut } from './cpu-shares.js'

export interface PeerTask {
  readonly role: 'holder' | 'newcomer'
  readonly database: string
  readonly topic: string
  /** Of the holder, for the newcomer. */
  readonly address?: string
  readonly operations: number
}

export type PeerTold =
  | { readonly type: 'listening'; readonly address: string }
  | ({ readonly type: 'caught-up' } & CatchUp)
  | { readonly type: 'spent'; readonly cpuMs: number; readonly shares: CpuShares; readonly peakMiB: number }

/** Milliseconds since the newcomer was told to dial. */
export interface CatchUp {
  readonly firstMs: number
  readonly storedMs: number
  readonly deliveredMs: number
  /** Resident memory after each tenth of the deliveries. */
  readonly memoryMiB: readonly number[]
}

/** How often memory is looked at. */
const LOOK_MS = 100
const MIB = 1024 * 1024

function tell(message: PeerTold): void {
  process.send?.(message)
}

async function work(task: PeerTask): Promise<void> {
  let stored = 0
  let onStored: (() => void) | null = null
  const node = await builder()
    .database(task.database)
    .listen('/ip4/127.0.0.1/tcp/0')
    .mdns('disabled')
    .trace({
      event(type) {
        if (type === 'stored' && ++stored === task.operations) onStored?.()
      },
    })
    .spawn()
  const topic = Topic.fromHex(task.topic)
  let peakMiB = 0
  const looking = setInterval(() => {
    peakMiB = Math.max(peakMiB, process.memoryUsage.rss() / MIB)
  }, LOOK_MS)
  const profile = await startProfile()
  const cpuBefore = process.cpuUsage()
  if (task.role === 'holder') {
    await node.follow(topic)
    tell({ type: 'listening', address: node.addresses()[0]! })
  } else {
    const startedAt = performance.now()
    const since = () => performance.now() - startedAt
    const [, rx] = await node.stream<Uint8Array>(topic, { codec: 'bytes' })
    await node.connect(task.address!)
    const memoryMiB: number[] = []
    let firstMs = 0
    let storedMs = 0
    onStored = () => {
      storedMs = since()
    }
    let delivered = 0
    for await (const event of rx) {
      if (event.type !== 'processed') continue
      delivered += 1
      if (delivered === 1) firstMs = since()
      if (delivered % Math.ceil(task.operations / 10) === 0) {
        memoryMiB.push(Math.round(process.memoryUsage.rss() / MIB))
      }
      if (delivered === task.operations) break
    }
    const deliveredMs = since()
    await rx.close()
    tell({ type: 'caught-up', firstMs, storedMs, deliveredMs, memoryMiB })
  }
  process.once('message', async () => {
    clearInterval(looking)
    const { user, system } = process.cpuUsage(cpuBefore)
    const shares = shareOut(await profile.stop(), (user + system) / 1_000)
    tell({ type: 'spent', cpuMs: (user + system) / 1_000, shares, peakMiB: Math.round(peakMiB) })
    await node.close()
    process.disconnect()
  })
}

async function startProfile(): Promise<{ stop(): Promise<unknown> }> {
  const session = new Session()
  session.connect()
  const post = (method: string, parameters: object = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      session.post(method, parameters, (error, result) => (error ? reject(error) : resolve(result)))
    })
  await post('Profiler.enable')
  await post('Profiler.setSamplingInterval', { interval: 1_000 })
  await post('Profiler.start')
  return {
    async stop() {
      const { profile } = (await post('Profiler.stop')) as { profile: unknown }
      session.disconnect()
      return profile
    },
  }
}

process.once('message', task => void work(task as PeerTask))
