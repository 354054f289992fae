/**
 * The program that `broker-crash.test.ts` kills: a node on a file, with a broker. It ends by its own SIGKILL right after
 * the commit of a given operation, before anybody can have been answered, or whenever the test kills it.
 */

import { SigningKey } from '../../core/index.js'
import { NodeBuilder } from '../../node/index.js'
import { nodeDefaults } from '../defaults.js'
import { inProcessTransport } from '../in-process.js'
import { startBroker } from './index.js'

export interface ChildLife {
  readonly database: string
  readonly port: number
  readonly token: string
  /** Dies when so many operations have been stored in this life; null: lives on. */
  readonly diesAtStored: number | null
}

/** Below the folder of the compiled engine. */
export const CHILD_PROGRAM = 'adapters/broker/broker-child.contract.js'

const [, , verb, life] = process.argv
if (verb === 'live' && life !== undefined) await live(JSON.parse(life) as ChildLife)

async function live({ database, port, token, diesAtStored }: ChildLife): Promise<void> {
  let stored = 0
  const node = await new NodeBuilder(nodeDefaults())
    .transport(inProcessTransport())
    .database(database)
    .signingKey(SigningKey.fromBytes(new Uint8Array(32).fill(5)))
    .trace({
      event(type) {
        if (type !== 'stored') return
        stored += 1
        if (stored === diesAtStored) process.kill(process.pid, 'SIGKILL')
      },
    })
    .spawn()
  const broker = await startBroker({ node, port, token })
  process.stdout.write(`${JSON.stringify({ port: broker.port })}\n`)
}
