/** All links of a node: by peer, the newest one to use, and how much memory they take together. */

import type { VerifyingKey } from '../../core/index.js'
import type { Link } from './link.js'

export class Links {
  /** By peer, the oldest link first. */
  readonly #links = new Map<VerifyingKey, Link[]>()
  readonly #maxUnreadBytes: number
  #unreadBytes = 0

  constructor(maxUnreadBytes: number) {
    this.#maxUnreadBytes = maxUnreadBytes
  }

  /** Returns the peer's links, the oldest first. */
  add(link: Link): readonly Link[] {
    const links = this.#links.get(link.remote) ?? []
    this.#links.set(link.remote, links)
    links.push(link)
    return links
  }

  /** Returns whether it was the last one to its peer. */
  remove(link: Link): boolean {
    const links = this.#links.get(link.remote) ?? []
    const at = links.indexOf(link)
    if (at >= 0) links.splice(at, 1)
    return links.length === 0 && this.#links.delete(link.remote)
  }

  /** The newest: an older one may be of a process that was killed, and not have timed out. */
  newest(peer: VerifyingKey): Link | null {
    return this.#links.get(peer)?.findLast(link => link.isOpen) ?? null
  }

  /** A copy, since links go while one looks at them. */
  all(): readonly Link[] {
    return [...this.#links.values()].flat()
  }

  /** Whether a link other than this one has a connection with the token. */
  isForeign(token: string, link: Link): boolean {
    return this.all().some(other => other !== link && other.has(token))
  }

  /** Bytes that wait for readers have become more or fewer; when they are too many, the greediest link ends. */
  unread(bytes: number): void {
    this.#unreadBytes += bytes
    if (bytes <= 0 || this.#unreadBytes <= this.#maxUnreadBytes) return
    let greediest: Link | null = null
    let most = -1
    for (const link of this.all()) {
      // Counts anew, which corrects our sum as well.
      const unread = link.unreadBytes
      if (unread <= most) continue
      most = unread
      greediest = link
    }
    if (this.#unreadBytes > this.#maxUnreadBytes) greediest?.violated('unread-bytes-exceeded')
  }
}
