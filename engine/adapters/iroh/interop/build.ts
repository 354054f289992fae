/**
 * Builds the program that holds real p2panda nodes, with cargo and from the committed lock file. Its target folder lies
 * in the user's cache folder: the first build takes ten minutes and more, and a fresh clone need not repeat it.
 */

import { spawnSync } from 'node:child_process'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILD_MS } from './limits.js'

export type Built = { readonly program: string } | { readonly missing: string }

const FOLDER = fileURLToPath(new URL('.', import.meta.url))

export function build(say: (line: string) => void): Built {
  const version = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) return { missing: 'cargo is not installed (https://rustup.rs)' }
  const target = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'thicket', 'interop-target')
  say(`${version.stdout.trim()}: building p2panda 0.7.1 in ${target}; ten minutes and more the first time`)
  const args = ['build', '--release', '--locked', '--ignore-rust-version']
  const built = spawnSync('cargo', args, {
    cwd: FOLDER,
    env: { ...process.env, CARGO_TARGET_DIR: target },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: BUILD_MS,
  })
  if (built.status !== 0) throw new Error('cargo could not build the program; its own words stand above')
  const suffix = process.platform === 'win32' ? '.exe' : ''
  return { program: join(target, 'release', `thicket-interop${suffix}`) }
}
