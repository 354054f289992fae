/**
 * Which nodes are interested in which of our topics: what sessions have shown. It is kept in memory alone, since it is
 * as old as the session it comes from, and it expires.
 */

import type { Topic, VerifyingKey } from '../core/index.js'

export class TopicKnowledge {
  readonly #perTopic: number
  /** Our topics; for each the nodes with the moment until which their word holds, the latest word last. */
  readonly #nodes = new Map<Topic, Map<VerifyingKey, number>>()
  readonly #topics = new Map<VerifyingKey, ReadonlySet<Topic>>()

  /** @param perTopic nodes of one topic; those heard of longest ago go first */
  constructor(perTopic: number) {
    this.#perTopic = perTopic
  }

  /** The topics that are asked for. What was known of others is dropped; says which topics are new. */
  setOwn(topics: readonly Topic[]): readonly Topic[] {
    const wanted = new Set(topics)
    for (const topic of [...this.#nodes.keys()]) {
      if (wanted.has(topic)) continue
      for (const node of this.#nodes.get(topic)!.keys()) this.#forget(node, topic)
      this.#nodes.delete(topic)
    }
    const gained = [...wanted].filter(topic => !this.#nodes.has(topic))
    for (const topic of gained) this.#nodes.set(topic, new Map())
    return gained
  }

  get own(): readonly Topic[] {
    return [...this.#nodes.keys()]
  }

  /** In ascending order. */
  nodesOf(topic: Topic): readonly VerifyingKey[] {
    return [...(this.#nodes.get(topic)?.keys() ?? [])].sort()
  }

  countOf(topic: Topic): number {
    return this.#nodes.get(topic)?.size ?? 0
  }

  topicsOf(node: VerifyingKey): ReadonlySet<Topic> {
    return this.#topics.get(node) ?? NONE
  }

  /** Takes the topics of a node in place of what was known of it; says for which topics something changed. */
  set(node: VerifyingKey, topics: readonly Topic[], untilMs: number): readonly Topic[] {
    const before = this.topicsOf(node)
    const after = new Set(topics.filter(topic => this.#nodes.has(topic)))
    const changed = new Set<Topic>()
    for (const topic of before) {
      if (after.has(topic)) continue
      this.#nodes.get(topic)?.delete(node)
      changed.add(topic)
    }
    if (after.size > 0) this.#topics.set(node, after)
    else this.#topics.delete(node)
    for (const topic of after) {
      const nodes = this.#nodes.get(topic)!
      if (!nodes.delete(node)) changed.add(topic)
      nodes.set(node, untilMs)
      for (const oldest of nodes.keys()) {
        if (nodes.size <= this.#perTopic) break
        nodes.delete(oldest)
        this.#forget(oldest, topic)
      }
    }
    return [...changed]
  }

  drop(node: VerifyingKey): readonly Topic[] {
    return this.set(node, [], 0)
  }

  /** Drops what nobody has said again in time; says for which topics something changed. */
  expire(nowMs: number): readonly Topic[] {
    const changed = new Set<Topic>()
    for (const [topic, nodes] of this.#nodes) {
      for (const [node, untilMs] of nodes) {
        if (untilMs > nowMs) continue
        nodes.delete(node)
        this.#forget(node, topic)
        changed.add(topic)
      }
    }
    return [...changed]
  }

  #forget(node: VerifyingKey, topic: Topic): void {
    const rest = new Set(this.topicsOf(node))
    rest.delete(topic)
    if (rest.size > 0) this.#topics.set(node, rest)
    else this.#topics.delete(node)
  }
}

const NONE: ReadonlySet<Topic> = new Set()
