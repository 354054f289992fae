/** What the client takes from where it runs: browsers and Node have all of it, but for Node's WebSocket before 22. */

/** A WebSocket of a browser, or of the package `ws`. */
export interface SocketLike {
  send(text: string): void
  close(code?: number, reason?: string): void
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
}

export type SocketConstructor = new (url: string) => SocketLike

/** Where publications wait while the page is away; `localStorage` is one. */
export interface StorageLike {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** What a browser tells of its network and of the page; absent elsewhere. */
export interface Surroundings {
  addEventListener?(type: string, listener: () => void): void
  removeEventListener?(type: string, listener: () => void): void
}

export function globalSocket(): SocketConstructor | undefined {
  return (globalThis as { WebSocket?: SocketConstructor }).WebSocket
}

/** A name that no other client and no other publication has. */
export function randomName(): string {
  const bytes = new Uint8Array(16)
  globalThis.crypto.getRandomValues(bytes)
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
