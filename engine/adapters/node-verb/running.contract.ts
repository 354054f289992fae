/** Nodes of `thicket node` inside a test: streams in memory, any transport, whatever was printed at hand. */

import { PassThrough, Writable } from 'node:stream'
import { NodeBuilder } from '../../node/index.js'
import { nodeDefaults } from '../defaults.js'
import { type InProcessHub, inProcessTransport } from '../in-process.js'
import { type RunningNode, startNode } from './run.js'
import { type NodeSettings, type SettingKey, settingsOf } from './settings.js'

export interface TestedNode {
  readonly running: RunningNode
  readonly input: PassThrough
  /** Lines of standard output, parsed. */
  readonly printed: readonly Printed[]
  readonly notes: () => string
  readonly stop: (reason: string) => void
  /** Ends as a process does when the time has come. */
  end(): Promise<void>
}

export interface Printed {
  readonly type: string
  readonly id: string
  readonly author?: string
  readonly message?: string | null
  readonly topic?: string
  readonly addresses?: readonly string[]
}

export function testSettings(told: Partial<Record<SettingKey, string | readonly string[]>>): NodeSettings {
  return settingsOf(
    new Map(
      Object.entries(told).map(([key, given]) => [
        key as SettingKey,
        (typeof given === 'string' ? [given] : given).map(text => ({ text, at: `--${key}` })),
      ]),
    ),
  )
}

export async function startTested(settings: NodeSettings, hub: InProcessHub): Promise<TestedNode> {
  const input = new PassThrough()
  const printed: Printed[] = []
  let said = ''
  let stop: (reason: string) => void = () => {}
  const running = await startNode(settings, {
    defaults: nodeDefaults(),
    openTransport: () => inProcessTransport({ hub }),
    input,
    output: new Writable({
      write(chunk: Uint8Array, _, done) {
        for (const line of Buffer.from(chunk).toString().trimEnd().split('\n'))
          printed.push(JSON.parse(line) as Printed)
        done()
      },
    }),
    notes: {
      write(text: string) {
        said += text
      },
    },
    stop: new Promise(resolve => {
      stop = resolve
    }),
  })
  return {
    running,
    input,
    printed,
    notes: () => said,
    stop,
    async end() {
      stop('test')
      await running.until
      await running.close()
    },
  }
}

/** A node of an ordinary app. */
export function appNode(hub: InProcessHub): NodeBuilder {
  return new NodeBuilder({ ...nodeDefaults(), openTransport: () => inProcessTransport({ hub }) })
}

/** Waits for a condition with a limit that only a defect reaches. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 30_000,
): Promise<void> {
  const giveUpAt = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`it did not happen: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
