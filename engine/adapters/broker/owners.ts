/** Which connection reads for which consumer. There is one; the newest takes over from the one before. */

import type { Topic } from '../../core/index.js'
import type { Delivery } from './delivery.js'

export class Owners {
  readonly #owners = new Map<string, { readonly delivery: Delivery; readonly taken: () => void }>()

  get count(): number {
    return this.#owners.size
  }

  /** `taken` is called when somebody else takes the consumer over. Resolves when the one before has let go. */
  async take(delivery: Delivery, taken: () => void): Promise<void> {
    const key = keyOf(delivery.topic, delivery.consumer)
    const before = this.#owners.get(key)
    this.#owners.set(key, { delivery, taken })
    if (!before) return
    before.taken()
    await before.delivery.stop().catch(() => {})
  }

  letGo(delivery: Delivery): void {
    const key = keyOf(delivery.topic, delivery.consumer)
    if (this.#owners.get(key)?.delivery === delivery) this.#owners.delete(key)
  }
}

function keyOf(topic: Topic, consumer: string): string {
  return `${topic}/${consumer}`
}
