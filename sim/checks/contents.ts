/**
 * What a node holds, in words that mean the same in every world: ids hang on the time and order in which operations were
 * made, but who wrote what as which entry of its log does not.
 */

import { bytesToHex, hash, type OperationId, type Topic, type VerifyingKey } from '../../engine/core/index.js'
import type { Engine } from '../../engine/node/index.js'
import { storedHeader } from '../../engine/pipeline/index.js'
import type { StoredOperation } from '../../engine/store/index.js'

export interface HeldOperation {
  readonly id: OperationId
  readonly author: VerifyingKey
  readonly topic: Topic
  readonly seqNum: number
  /** Hex of BLAKE3 of the body, null for an operation that never had one. */
  readonly bodyHash: string | null
}

/** Operations that are read at a time. */
const PAGE = 1_024

/** @param known what is held elsewhere too need not be read from its header again */
export function contentsOf(
  engine: Engine,
  known: (id: OperationId) => Omit<HeldOperation, 'id'> | undefined = () => undefined,
): readonly HeldOperation[] {
  const held: HeldOperation[] = []
  for (const { id: topic } of engine.store.logs.topics()) {
    let position = 0
    for (;;) {
      const page = engine.readStored(topic, position, PAGE)
      for (const stored of page) {
        const { author, seqNum, bodyHash } = known(stored.id) ?? readFrom(stored)
        held.push({ id: stored.id, author, topic, seqNum, bodyHash })
      }
      const last = page.at(-1)
      if (last === undefined || page.length < PAGE) break
      position = last.position
    }
  }
  return held
}

function readFrom({ header, id }: StoredOperation): Pick<HeldOperation, 'author' | 'seqNum' | 'bodyHash'> {
  const { author, seqNum, payloadHash } = storedHeader(header, id)
  return { author, seqNum, bodyHash: payloadHash }
}

/** The same for nodes that hold the same, in whatever order it came and whatever its ids are. */
export function contentHash(contents: readonly HeldOperation[]): string {
  const lines = contents.map(({ author, topic, seqNum, bodyHash }) => `${topic} ${author} ${seqNum} ${bodyHash ?? '-'}`)
  return bytesToHex(hash(new TextEncoder().encode(lines.sort().join('\n'))))
}

/** How far its logs of a topic reach; nodes that say the same stand at the same heights on the same branches. */
export function heightsOf({ store }: Engine, topic: Topic): string {
  const row = store.logs.findTopic(topic)
  if (!row) return ''
  return store.logs
    .logsOf(row)
    .flatMap(({ author, tip }) => (tip ? [`${author}:${tip.seqNum}:${tip.id}`] : []))
    .join()
}
