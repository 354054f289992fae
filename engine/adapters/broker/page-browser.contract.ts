/** A real browser for tests of pages, and the page's scripts compiled as the build would. */

import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import ts from 'typescript'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']

/** Nothing is fetched, updated or kept by the browser itself. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The path of a browser, or why there is none. */
export function findBrowser(): { readonly path: string } | { readonly reason: string } {
  const found = onPath()
  if (found) return { path: found }
  const isRoot = process.getuid?.() === 0
  if (!isRoot || spawnSync('apt-get', ['--version']).error) {
    return { reason: `none of ${NAMES.join(', ')} is on the PATH` }
  }
  console.warn('the test of the chat page installs chromium, because there is no browser')
  const installed = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'chromium'], { encoding: 'utf8' })
  const path = onPath()
  if (path) return { path }
  return { reason: `there is no browser, and apt-get could not install one: ${installed.stderr.slice(-300)}` }
}

/** A browser with an empty folder of its own for what it keeps. */
export function openBrowser(path: string): Promise<Browser> {
  return chromium.launch({ executablePath: path, headless: true, args: FLAGS })
}

function onPath(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        execFileSync(path, ['--version'], { stdio: 'ignore' })
        return path
      } catch {
        // The next one may be there and run.
      }
    }
  }
  return null
}

/** Compiles the page and the client into a folder, as modules for browsers. */
export function compilePage(into: string): void {
  const here = fileURLToPath(new URL('.', import.meta.url))
  for (const folder of ['chat', 'client']) {
    mkdirSync(join(into, folder), { recursive: true })
    for (const name of readdirSync(join(here, folder))) {
      if (!name.endsWith('.ts') || name.includes('.test.') || name.includes('.contract.')) continue
      const { outputText } = ts.transpileModule(readFileSync(join(here, folder, name), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
      })
      writeFileSync(join(into, folder, name.replace(/\.ts$/, '.js')), outputText)
    }
  }
}
