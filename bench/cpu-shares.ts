/**
 * What a process spent its time on, from the samples of its main thread: each belongs to the innermost function of a
 * file that has a share of its own. What the process used beside the main thread is the work of its threads, which here
 * is verification, garbage collection and the compiler.
 */

export interface CpuShares {
  readonly storage: number
  readonly transport: number
  readonly sync: number
  readonly core: number
  readonly pipeline: number
  readonly delivery: number
  readonly collector: number
  readonly other: number
  /** Beside the main thread. */
  readonly threads: number
}

type Share = Exclude<keyof CpuShares, 'threads'>

const SHARES: readonly (readonly [RegExp, Share])[] = [
  [/better-sqlite|engine\/store/, 'storage'],
  [
    /libp2p|node_modules\/(?:@chainsafe|uint8|it-|multiformats|@noble)|node:net|node:internal\/stream|@multiformats/,
    'transport',
  ],
  [/engine\/sync|engine\/gossip|engine\/discovery/, 'sync'],
  [/engine\/pipeline|verify-p/, 'pipeline'],
  [/engine\/streams|engine\/node/, 'delivery'],
  [/engine\/core|hash-wasm|sodium/, 'core'],
]

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Shares of 1 of all the processor time that the process used. */
export function shareOut(of: unknown, cpuMs: number): CpuShares {
  const { nodes, samples, timeDeltas } = of as Profile
  const parents = new Map<number, ProfileNode>()
  const byId = new Map(nodes.map(node => [node.id, node]))
  for (const node of nodes) for (const child of node.children ?? []) parents.set(child, node)
  const ms: Record<Share, number> = {
    storage: 0,
    transport: 0,
    sync: 0,
    core: 0,
    pipeline: 0,
    delivery: 0,
    collector: 0,
    other: 0,
  }
  let mainMs = 0
  for (const [at, id] of samples.entries()) {
    const share = shareOf(byId.get(id), parents)
    if (share === null) continue
    const spentMs = (timeDeltas[at] ?? 0) / 1_000
    ms[share] += spentMs
    mainMs += spentMs
  }
  const wholeMs = Math.max(cpuMs, mainMs)
  const part = (value: number) => Math.round((1_000 * value) / wholeMs) / 1_000
  const { storage, transport, sync, core, pipeline, delivery, collector, other } = ms
  return {
    storage: part(storage),
    transport: part(transport),
    sync: part(sync),
    core: part(core),
    pipeline: part(pipeline),
    delivery: part(delivery),
    collector: part(collector),
    other: part(other),
    threads: part(wholeMs - mainMs),
  }
}

/** Null while the thread waits. */
function shareOf(node: ProfileNode | undefined, parents: ReadonlyMap<number, ProfileNode>): Share | null {
  if (!node || node.callFrame.functionName === '(idle)') return null
  if (node.callFrame.functionName === '(garbage collector)') return 'collector'
  for (let at: ProfileNode | undefined = node; at; at = parents.get(at.id)) {
    const { url } = at.callFrame
    const found = SHARES.find(([pattern]) => pattern.test(url))
    if (found) return found[1]
  }
  return 'other'
}
