/**
 * `npm run bench:interop`: how a late joiner catches up with the log of one author, side by side for each pair of kinds,
 * over iroh on loopback, with databases on disk and bodies of 100 bytes. From opening the topic to the last delivery; a
 * cell that takes too long is cut and says how far it came. Arguments choose cells: `Thicket-Rust 4000`.
 */

import { cpus } from 'node:os'
import { build } from './build.js'
import { CELL_MS } from './limits.js'
import { RustNode } from './rust-node.js'
import { Stage } from './stage.js'
import type { ThicketNode } from './thicket-node.js'
import { throughput } from './throughput.js'

type Kind = 'Rust' | 'Thicket'

interface Cell {
  readonly from: Kind
  readonly to: Kind
  readonly count: number
}

const SMALL = [1000, 2000, 4000]
const CELLS: readonly Cell[] = [
  ...SMALL.map(count => ({ from: 'Rust', to: 'Rust', count }) as const),
  ...SMALL.map(count => ({ from: 'Thicket', to: 'Rust', count }) as const),
  ...[...SMALL, 20_000].map(count => ({ from: 'Rust', to: 'Thicket', count }) as const),
  ...[...SMALL, 20_000].map(count => ({ from: 'Thicket', to: 'Thicket', count }) as const),
]
const BODY_BYTES = 100
const POLL_MS = 5
const THROUGHPUT_BYTES = 32_000_000

interface Result {
  /** What there was to catch up with: publishing is cut as well. */
  readonly published: number
  readonly arrived: number
  readonly seconds: number
  /** Operations that the receiver reported as failed on the way. */
  readonly failures: number
  readonly memoryMb: number
}

async function main(words: readonly string[]): Promise<void> {
  if (words.length === 0 || words.includes('bytes')) {
    const { megabytesPerSecond, cpuMsPerMegabyte } = await throughput(THROUGHPUT_BYTES)
    process.stdout.write(
      `one stream, both ends in one process: ${megabytesPerSecond.toFixed(1)} MB/s, ${cpuMsPerMegabyte.toFixed(0)} ms of CPU a MB\n`,
    )
    if (words.includes('bytes')) return
  }
  const built = build(line => process.stdout.write(`${line}\n`))
  if ('missing' in built) {
    process.stdout.write(`nothing to measure: ${built.missing}\n`)
    return
  }
  process.stdout.write(`catch-up over iroh, ${BODY_BYTES}-byte bodies, ${cpus().length} x ${cpus()[0]?.model}\n`)
  process.stdout.write('from to | published | arrived | seconds | operations/s | failures reported | receiver MB\n')
  for (const cell of CELLS) {
    const name = `${cell.from}-${cell.to} ${cell.count}`
    if (words.length > 0 && !words.includes(name) && !words.includes(`${cell.from}-${cell.to}`)) continue
    const stage = new Stage(built.program)
    try {
      const { published, arrived, seconds, failures, memoryMb } = await measure(stage, cell)
      const rate = (arrived / seconds).toFixed(0)
      process.stdout.write(
        `${name} | ${published} | ${arrived} of ${cell.count} | ${seconds.toFixed(1)} | ${rate} | ${failures} | ${memoryMb.toFixed(0)}\n`,
      )
    } finally {
      await stage.end()
    }
  }
}

async function measure(stage: Stage, { from, to, count }: Cell): Promise<Result> {
  const { topic } = stage
  const source =
    from === 'Rust' ? await stage.rust({ database: stage.file('from.db') }) : await thicketOf(stage, 'from')
  const published = await fill(source, topic, count)
  const bootstrap = source instanceof RustNode ? await source.address() : source.address
  const receiver =
    to === 'Rust'
      ? await stage.rust({
          database: stage.file('to.db'),
          peers: [source instanceof RustNode ? await source.asPeer() : source.asPeer()],
        })
      : await thicketOf(stage, 'to', [bootstrap])
  const startMs = performance.now()
  if (receiver instanceof RustNode) await receiver.ask('open', { topic, kind: 'text' })
  else await receiver.open(topic)
  const arrived = (): number =>
    receiver instanceof RustNode ? receiver.count('processed') : receiver.deliveries.length
  while (arrived() < published && performance.now() - startMs < CELL_MS) {
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
  const seconds = (performance.now() - startMs) / 1000
  const isRust = receiver instanceof RustNode
  const failures = isRust ? receiver.count('processing-failed') : receiver.node.metrics().refused
  const memoryMb = isRust ? (receiver.memoryKb ?? 0) / 1000 : process.memoryUsage().rss / 1e6
  return { published, arrived: isRust ? receiver.delivered(topic).size : arrived(), seconds, failures, memoryMb }
}

function thicketOf(stage: Stage, name: string, bootstrap: readonly string[] = []): Promise<ThicketNode> {
  return stage.thicket({ database: stage.file(`${name}.db`), bootstrap })
}

/** Publishes for as long as a cell may take at most; says how many it were. */
async function fill(node: RustNode | ThicketNode, topic: string, count: number): Promise<number> {
  const startMs = performance.now()
  if (node instanceof RustNode) await node.ask('open', { topic, kind: 'text' })
  else await node.open(topic)
  for (let published = 0; published < count; published += 100) {
    if (performance.now() - startMs > CELL_MS) return published
    if (node instanceof RustNode) {
      await node.ask('publish-many', { topic, count: 100, prefix: `${published} `, bytes: BODY_BYTES - 2 })
    } else {
      for (let number = 0; number < 100; number++) {
        await node.publish(topic, `${published} ${number}`.padEnd(BODY_BYTES - 2))
      }
    }
  }
  return count
}

await main(process.argv.slice(2))
process.exit(0)
