/** One command, `thicket`. Each verb lives in the folder that does its work and is loaded only when it runs. */

import { existsSync, readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { AirtimeArguments, FloodArguments, LorasimArguments } from './sim/radio/studies/index.js'

/** Exit codes that people's CI depends on. */
const UNUSABLE_INPUT = 2
const DEFECT = 3

const version = packageVersion()

const program = new Command('thicket')
  .description('A p2panda-compatible local-first node, and the testbed that breaks its world on purpose.')
  .version(version)
  .exitOverride()
  // What is wrong is said below, in one line.
  .configureOutput({ outputError: () => {}, writeErr: () => {} })

program
  .command('run')
  .argument('<file>', 'scenario file, YAML or JSON')
  .description('runs a scenario and prints a verdict')
  .option('--seed <n>', 'wins over the seed in the file', wholeNumber)
  .option('--json', 'the report as one JSON document on standard output')
  .option('--trace <file>', 'writes every event as a JSON line; gzip when the name ends in .gz')
  .option('--report <file>', 'writes the JSON report to a file as well')
  .option('--check-determinism', 'runs twice and names the first event that differs')
  .addOption(
    new Option('--world <name>', 'sim, or loopback: real node processes on this machine, in real time').choices([
      'sim',
      'loopback',
    ]),
  )
  .addOption(
    new Option('--print', 'prints the scenario as drawn for this seed, and runs nothing').conflicts([
      'json',
      'trace',
      'report',
      'checkDeterminism',
    ]),
  )
  .action(async (file: string, options: RunFlags) => {
    const { runVerb } = await import('./sim/index.js')
    process.exitCode = await runVerb({ file, version, ...options })
  })

program
  .command('crash')
  .argument('<file>', 'scenario file, YAML or JSON')
  .description('cuts the power at every storage step of a scenario and checks what comes back')
  .option('--seed <n>', 'wins over the seed in the file', wholeNumber)
  .option('--json', 'the report as one JSON document on standard output')
  .option('--damage <n>', 'damage seeds for each point; 3 by default', countingNumber)
  .addOption(
    new Option('--journal <mode>', 'the journal of the databases').choices(['wal', 'rollback', 'both']).default('both'),
  )
  .option('--limit <n>', 'cuts at most so many points, spread evenly; all by default', countingNumber)
  .action(async (file: string, options: CrashFlags) => {
    const { crashVerb } = await import('./sim/index.js')
    process.exitCode = await crashVerb({ file, version, ...options })
  })

program
  .command('inspect')
  .argument('[input]', 'hex of a header or a wire frame, a file with bytes or hex, or - for standard input')
  .description('decodes and validates an operation or a wire frame, and names the first rule it breaks')
  .option('--body <hex>', 'the body that belongs to the header')
  .option('--batch <file>', 'judges JSON lines { "header", "body" }, one verdict a line; - for standard input')
  .option('--json', 'one JSON document on standard output')
  .action(async (input: string | undefined, options: InspectFlags) => {
    const { inspectVerb } = await import('./engine/adapters/index.js')
    process.exitCode = await inspectVerb({ ...(input === undefined ? {} : { input }), ...options })
  })

program
  .command('node')
  .description('runs a node until SIGTERM or SIGINT; with topics it keeps and serves them')
  .option('--database <file>', 'SQLite file, created when absent; in memory by default')
  .option('--key <file>', 'hex of the secret, created when absent; beside the database by default')
  .option('--listen <address>', 'multiaddr such as /ip4/0.0.0.0/tcp/4001; may be repeated', repeated)
  .option(
    '--bootstrap <address>',
    'a node to begin with, its address as `addresses` shows it; may be repeated',
    repeated,
  )
  .option('--transport <name>', 'tcp (the default) or iroh')
  .option('--mdns <mode>', 'nodes of the house: active (the default), passive or disabled')
  .option('--network-id <hex>', 'nodes of different networks never meet')
  .option('--topic <hex>', 'keeps the topic open; may be repeated', repeated)
  .option('--stdin', 'publishes lines of standard input, prints messages as JSON lines')
  .option('--http <port>', 'serves the broker, metrics and health on this port of loopback')
  .option('--token-file <file>', 'the secret of the broker, created when absent; beside the database by default')
  .option('--allow <node id>', 'has to do with these nodes only; may be repeated', repeated)
  .option('--deny <node id>', 'never has to do with this node; may be repeated', repeated)
  .option('--share <whom>', 'peers are told of: common-topics, all (the default of a node without topics) or self')
  .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent')
  .option('--config <file>', 'YAML or JSON with the same keys; flags win')
  .action(async (options: NodeFlags) => {
    const { nodeVerb } = await import('./engine/adapters/index.js')
    const { config, networkId, tokenFile, logLevel, ...flags } = options
    process.exitCode = await nodeVerb({
      flags: { ...flags, 'network-id': networkId, 'token-file': tokenFile, 'log-level': logLevel },
      ...(config === undefined ? {} : { config }),
    })
  })

program
  .command('airtime')
  .description('how long one LoRa frame is on the air, and how many of them are legal')
  .option('--sf <n>', 'spreading factor, 5 to 12')
  .option('--bw <hz>', 'bandwidth in Hz')
  .option('--cr <n>', 'denominator of the coding rate: 5 for 4/5 up to 8 for 4/8')
  .option('--preset <name>', 'instead of the three above, such as LONG_FAST')
  .option('--payload <bytes>', 'everything that the radio is handed, 0 to 255')
  .option('--preamble <symbols>', '8 by default; 16 with most presets')
  .option('--implicit', 'no header')
  .option('--no-crc', 'no checksum')
  .option('--chip <name>', 'sx127x (the default) or sx126x, which differ below SF7')
  .option('--region <name>', 'counts the frames that its law allows in an hour, such as EU868-P or US915')
  .option('--json', 'one JSON document on standard output')
  .action(async (options: AirtimeArguments) => {
    const { airtimeVerb } = await import('./sim/radio/studies/index.js')
    process.exitCode = airtimeVerb(options)
  })

const study = program
  .command('study')
  .description('packet-level studies of radios, to be compared with published simulators')

study
  .command('lorasim')
  .description('sensors around one gateway that send without listening, by the rules of LoRaSim')
  .option('--experiment <name>', 'sn1 (SF12, 4/8) or sn3 (SF12, 4/5)', 'sn1')
  .option('--nodes <n>', 'nodes around the gateway', '200')
  .option('--packets <n>', 'frames of all nodes together', '40000')
  .option('--seed <n>', 'what chance hangs on', '1')
  .option('--no-capture', 'any overlap loses both frames')
  .option('--path-loss <log>', 'ln, as published, or log10', 'ln')
  .option('--json', 'one JSON document on standard output')
  .action(async (options: LorasimArguments) => {
    const { lorasimVerb } = await import('./sim/radio/studies/index.js')
    process.exitCode = lorasimVerb(options)
  })

study
  .command('flood')
  .description('managed flooding on a square grid, by the rules of Meshtasticator')
  .option('--preset <name>', 'settings of the radios', 'LONG_FAST')
  .option('--grid <rows x columns>', 'nodes', '5x5')
  .option('--spacing <distance>', 'between neighbours', '1km')
  .option('--duration <time>', 'simulated', '600s')
  .option('--mean-period <time>', 'between the messages of a node', '300s')
  .option('--hops <n>', 'relays that a message passes', '3')
  .option('--seed <n>', 'what chance hangs on', '1')
  .option('--json', 'one JSON document on standard output')
  .action(async (options: FloodArguments) => {
    const { floodVerb } = await import('./sim/radio/studies/index.js')
    process.exitCode = floodVerb(options)
  })

interface RunFlags {
  readonly seed?: number
  readonly json?: boolean
  readonly trace?: string
  readonly report?: string
  readonly checkDeterminism?: boolean
  readonly print?: boolean
  readonly world?: 'sim' | 'loopback'
}

interface CrashFlags {
  readonly seed?: number
  readonly json?: boolean
  readonly damage?: number
  readonly journal: 'wal' | 'rollback' | 'both'
  readonly limit?: number
}

interface NodeFlags {
  readonly database?: string
  readonly key?: string
  readonly listen?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly transport?: string
  readonly mdns?: string
  readonly networkId?: string
  readonly topic?: readonly string[]
  readonly stdin?: boolean
  readonly http?: string
  readonly tokenFile?: string
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly share?: string
  readonly logLevel?: string
  readonly config?: string
}

interface InspectFlags {
  readonly body?: string
  readonly batch?: string
  readonly json?: boolean
}

/** The compiled file lies one folder below package.json, the source beside it. */
function packageVersion(): string {
  const path = ['./package.json', '../package.json']
    .map(name => new URL(name, import.meta.url))
    .find(url => existsSync(url))
  return path ? (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version : 'unknown'
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError('expected a whole number of 0 or more')
  return value
}

function repeated(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

function countingNumber(text: string): number {
  const value = wholeNumber(text)
  if (value === 0) throw new InvalidArgumentError('expected a whole number of 1 or more')
  return value
}

// Whoever reads the output may stop early, as `head` does; that is no defect.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    if (error.exitCode !== 0) {
      const text = error.code === 'commander.help' ? 'expected a verb' : error.message.replace(/^error: /, '')
      process.stderr.write(`thicket: ${text.replace(/\s+/g, ' ')}; see thicket --help\n`)
      process.exitCode = UNUSABLE_INPUT
    }
  } else {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.stderr.write(`thicket: this is a defect of Thicket, please report it\n${text}\n`)
    process.exitCode = DEFECT
  }
}
