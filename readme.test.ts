/**
 * Goal: what README.md and the docstring of the public API show works as it is shown.
 * Method: the examples are cut out, compiled and run against the source; the scenario is parsed and run.
 */

import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import ts from 'typescript'
import { describe, expect, it, vi } from 'vitest'
import { sharedCrypto } from './engine/adapters/index.js'
import * as thicket from './index.js'
import { parseScenario } from './scenarios/index.js'
import { runScenario } from './sim/index.js'

const readme = readFileSync(new URL('./README.md', import.meta.url), 'utf8')
const index = readFileSync(new URL('./index.ts', import.meta.url), 'utf8')

function fenced(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(match => match[1]!)
}

/** The package, but for nodes that listen on loopback alone and call nobody. */
const quiet = { ...thicket, spawn: () => thicket.builder().listen('/ip4/127.0.0.1/tcp/0').mdns('disabled').spawn() }

/** Runs a snippet that imports from the package by name. */
async function run(snippet: string, scope: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const body = snippet.replace(/import \{([^}]*)\} from 'thicket-mesh'/, 'const {$1} = thicket')
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext }
  const { outputText } = ts.transpileModule(`async () => {${body}}`, { compilerOptions: options })
  const names = ['thicket', ...Object.keys(scope)]
  const make = new Function(...names, `return ${outputText}`) as (...values: unknown[]) => () => Promise<void>
  await make(quiet, ...Object.values(scope))()
}

describe('README.md', () => {
  const [first, second, third] = fenced(readme, 'ts')

  it('two nodes exchange a message', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    try {
      await run(first!)
      expect(log).toHaveBeenCalledWith(expect.stringMatching(/^[0-9a-f]{64}$/), 'Hello, Icebear!')
    } finally {
      log.mockRestore()
    }
  })

  it('the builder takes every setting that is shown', async () => {
    const settings = second!.replace("'panda.db'", "':memory:'")
    await run(`${settings}; await node.close()`, {
      builder: thicket.builder,
      SigningKey: thicket.SigningKey,
      seed: '01'.repeat(32),
      hex: '02'.repeat(32),
    })
  })

  it('operations travel as a file', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    const folder = mkdtempSync(join(tmpdir(), 'thicket-'))
    const [panda, icebear] = [
      await thicket
        .builder()
        .transport(thicket.inProcessTransport({ discover: false }))
        .spawn(),
      await thicket
        .builder()
        .transport(thicket.inProcessTransport({ discover: false }))
        .spawn(),
    ]
    const topic = thicket.Topic.random()
    try {
      await (await panda.stream<string>(topic))[0].publish('on a stick')
      const [tx] = await icebear.stream<string>(topic)
      const { readExport, writeExport } = thicket
      const scope = { pipeline, writeExport, readExport, createReadStream, createWriteStream, topic, panda, tx }
      await run(third!.replaceAll("'chat.thicket'", JSON.stringify(join(folder, 'chat.thicket'))), scope)
      expect(log).toHaveBeenCalledWith({ stored: 1, held: 0, duplicates: 0, refused: [] })
    } finally {
      log.mockRestore()
      await panda.close()
      await icebear.close()
      rmSync(folder, { recursive: true })
    }
  })

  it.each(fenced(readme, 'yaml').filter(yaml => yaml.startsWith('thicket:')))('scenario %# passes', async yaml => {
    const { report } = await runScenario({
      scenario: parseScenario(yaml, 'README.md'),
      version: 'test',
      crypto: sharedCrypto(),
    })
    expect(report).toMatchObject({ verdict: 'pass', violations: [] })
  })
})

describe('the docstring of index.ts', () => {
  it('runs', async () => {
    const comment = index.slice(0, index.indexOf('*/')).replace(/^ \* ?/gm, '')
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    try {
      await run(fenced(comment, 'ts')[0]!)
      expect(log).toHaveBeenCalledWith('Hello, Panda!')
    } finally {
      log.mockRestore()
    }
  })
})
