/** `thicket node`: settings in, a node that runs until it is told to end, an exit code out. */

import { pino } from 'pino'
import { isThicketError } from '../../core/index.js'
import { nodeDefaults } from '../defaults.js'
import { irohTransport } from '../iroh/index.js'
import { libp2pTransport } from '../libp2p/index.js'
import { complaintOf } from './complaint.js'
import { readConfigFile } from './config-file.js'
import type { NodeArguments } from './index.js'
import { LINGER_MS, LOG_BUFFER_BYTES } from './limits.js'
import { type RunningNode, startNode } from './run.js'
import { type NodeSettings, SETTING_KEYS, type SettingKey, settingsOf, type Told } from './settings.js'
import { firstSignal } from './signals.js'

const CANNOT_GO_ON = 1
const UNUSABLE_INPUT = 2
const DEFECT = 3

/** Exit code: 0 ended as told, 1 could not go on (such as a full disk), 2 unusable input, 3 a defect of Thicket. */
export async function runNodeVerb(args: NodeArguments): Promise<number> {
  const stop = firstSignal()
  process.on('uncaughtException', endBadly)
  let running: RunningNode
  try {
    running = await startNode(settingsFrom(args), {
      defaults: nodeDefaults(),
      openTransport({ transport, mdns, listen, log }) {
        const places = listen.length === 0 ? {} : { listen }
        return transport === 'iroh' ? irohTransport({ log, ...places }) : libp2pTransport({ mdns, log, ...places })
      },
      // Touched only when it is to be read: a terminal that is opened would hold the process.
      get input() {
        return process.stdin
      },
      output: process.stdout,
      // A log that nobody reads must not hold up the node: beyond the bound lines are dropped.
      notes: pino.destination({ fd: 2, sync: false, maxLength: LOG_BUFFER_BYTES }),
      stop,
    })
  } catch (error) {
    if (!isThicketError(error)) throw error
    process.stderr.write(complaintOf(error))
    return letGo(UNUSABLE_INPUT)
  }
  // A node that listens nowhere and knows nobody waits all the same.
  const staysAlive = setInterval(() => {}, 2 ** 30)
  let code = 0
  try {
    await running.until
  } catch (error) {
    code = isThicketError(error) ? CANNOT_GO_ON : DEFECT
  }
  await running.close()
  clearInterval(staysAlive)
  return letGo(code)
}

function settingsFrom(args: NodeArguments): NodeSettings {
  return settingsOf(toldByFlags(args), args.config === undefined ? new Map() : readConfigFile(args.config))
}

function toldByFlags(args: NodeArguments): Map<SettingKey, readonly Told[]> {
  const told = new Map<SettingKey, readonly Told[]>()
  for (const key of SETTING_KEYS) {
    const given = args.flags[key]
    if (given === undefined || given === false) continue
    const values = typeof given === 'object' ? given : [String(given)]
    told.set(
      key,
      values.map(text => ({ text, at: `--${key}` })),
    )
  }
  return told
}

/** What nobody caught, such as a commit that failed in a turn of its own: what was durable is, and nothing else helps. */
function endBadly(error: unknown): void {
  const isOurs = isThicketError(error)
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const why = isOurs ? 'the node cannot go on' : 'this is a defect of Thicket, please report it'
  process.stderr.write(`thicket node: ${why}\n${text}\n`)
  process.exit(isOurs ? CANNOT_GO_ON : DEFECT)
}

/** Whatever still holds the process after its end, such as a socket that waits for a peer, has a moment and no more. */
function letGo(code: number): number {
  setTimeout(() => process.exit(code), LINGER_MS).unref()
  return code
}
