/**
 * Goal: where the native binding is not installed, whoever chose iroh is told so in one sentence with a code.
 * Method: a process of its own in which the package cannot be found.
 */

import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const HOOKS = `export function resolve(name, context, next) {
  if (name.startsWith('@number0/')) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
  return next(name, context)
}`
const REGISTER = `import { register } from 'node:module'; register(${JSON.stringify(asUrl(HOOKS))})`
const PROGRAM = `
  const { irohTransport } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)})
  const key = new Uint8Array(32).fill(1)
  const transport = irohTransport({ listen: ['127.0.0.1:0'] })
  transport.start({ id: '', networkId: key, addressed: { seed: key, protocols: [] } })
  await transport.ready().catch(error => console.log(error.code, '-', error.message))
  transport.dial('00', '/a/1', connection => console.log(connection))
`

function asUrl(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`
}

it('says what is missing, and no dial succeeds', () => {
  const args = ['--import', 'tsx', '--import', asUrl(REGISTER), '--input-type=module', '--eval', PROGRAM]
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 50_000 })
  expect([stdout.trim().split('\n'), status], stderr).toEqual([
    [
      'iroh-unavailable - iroh needs the optional package @number0/iroh, which is not installed or has no binary for this machine',
      'null',
    ],
    0,
  ])
})
