/**
 * The messages of one room as this browser keeps them. The broker sends a message until it is acknowledged, and the page
 * acknowledges what it has stored here: so a reload shows everything, and nothing comes twice.
 */

export interface ChatMessage {
  readonly id: string
  /** Which browser wrote it; all clients of one node sign with the same key. */
  readonly from: string
  readonly name: string
  readonly text: string
  readonly atMs: number
}

/** Messages kept of a room; the node has the others. */
const KEPT_MESSAGES = 500

export class History {
  readonly #storage: Storage
  readonly #key: string
  #messages: ChatMessage[]

  constructor(storage: Storage, topic: string) {
    this.#storage = storage
    this.#key = `thicket-chat:history:${topic}`
    this.#messages = restored(storage.getItem(this.#key))
  }

  get messages(): readonly ChatMessage[] {
    return this.#messages
  }

  /** Says whether it was new. */
  add(message: ChatMessage): boolean {
    if (this.#messages.some(({ id }) => id === message.id)) return false
    this.#messages = [...this.#messages, message].slice(-KEPT_MESSAGES)
    try {
      this.#save()
    } catch {
      // The browser has no room: half as many are better than none.
      this.#messages = this.#messages.slice(-Math.ceil(this.#messages.length / 2))
      this.#save()
    }
    return true
  }

  #save(): void {
    this.#storage.setItem(this.#key, JSON.stringify(this.#messages))
  }
}

function restored(text: string | null): ChatMessage[] {
  try {
    const messages: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(messages) ? messages : []
  } catch {
    return []
  }
}
