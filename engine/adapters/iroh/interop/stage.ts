/** One check's own network: fresh keys, a fresh network id and topic, and an end for all that it has started. */

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RustNode, type RustOptions } from './rust-node.js'
import { ThicketNode, type ThicketOptions } from './thicket-node.js'

export class Stage {
  readonly networkId = randomBytes(32)
  readonly topic = randomBytes(32).toString('hex')
  readonly #program: string
  readonly #running: { stop(): Promise<void> }[] = []
  #folder: string | null = null

  constructor(program: string) {
    this.#program = program
  }

  async rust(options: Partial<RustOptions> = {}): Promise<RustNode> {
    const { networkId } = this
    const node = await RustNode.start(this.#program, { seed: randomBytes(32), networkId, ...options })
    this.#running.push(node)
    return node
  }

  async thicket(options: Partial<ThicketOptions> = {}): Promise<ThicketNode> {
    const { networkId } = this
    const node = await ThicketNode.start({ seed: randomBytes(32), networkId, ...options })
    this.#running.push(node)
    return node
  }

  file(name: string): string {
    this.#folder ??= mkdtempSync(join(tmpdir(), 'thicket-interop-'))
    return join(this.#folder, name)
  }

  async end(): Promise<void> {
    await Promise.allSettled(this.#running.map(node => node.stop()))
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true })
  }
}
