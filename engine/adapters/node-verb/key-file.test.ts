/**
 * Goal: a node keeps its key: created whole, for its owner alone, never replaced, never shown.
 * Method: real files in a folder of the test.
 */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { SigningKey, ThicketError } from '../../core/index.js'
import { systemRandom } from '../system-random.js'
import { openKeyFile } from './key-file.js'
import { KEY_FILE_BYTES } from './limits.js'

const scratch = mkdtempSync(join(tmpdir(), 'thicket-key-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const at = (name: string) => join(scratch, name)
const random = systemRandom()
const SEED = '0123456789abcdef'.repeat(4)

function refusal(path: string): ThicketError {
  try {
    openKeyFile(path, random)
  } catch (error) {
    if (error instanceof ThicketError) return error
    throw error
  }
  throw new Error('nothing was wrong')
}

describe('the key file of a node', () => {
  it('is created for its owner alone and read again', () => {
    const created = openKeyFile(at('new'), random)
    expect(created).toMatchObject({ wasCreated: true, isExposed: false })
    expect(readFileSync(at('new'), 'utf8')).toBe(`${created.key.toHex()}\n`)
    if (process.platform !== 'win32') expect(statSync(at('new')).mode & 0o777).toBe(0o600)
    const again = openKeyFile(at('new'), random)
    expect(again).toMatchObject({ wasCreated: false, isExposed: false })
    expect(again.key.verifyingKey).toBe(created.key.verifyingKey)
    expect(readdirSync(scratch)).toEqual(['new'])
  })

  it.each([SEED, `${SEED}\r\n`, `  ${SEED.toUpperCase()}\n\n`])('takes %j', text => {
    writeFileSync(at('given'), text, { mode: 0o600 })
    expect(openKeyFile(at('given'), random).key.verifyingKey).toBe(SigningKey.fromHex(SEED).verifyingKey)
  })

  it.skipIf(process.platform === 'win32')('one that others may read is taken, and said to be', () => {
    writeFileSync(at('shared'), SEED)
    chmodSync(at('shared'), 0o640)
    expect(openKeyFile(at('shared'), random).isExposed).toBe(true)
  })

  it.each(['', 'secret words', SEED.slice(1), `${SEED}${SEED}`, `${SEED}\nmore`, 'x'.repeat(KEY_FILE_BYTES + 1)])(
    'refuses %j, leaves it as it is and does not repeat it',
    text => {
      writeFileSync(at('wrong'), text)
      const error = refusal(at('wrong'))
      expect(error.code).toBe('key-file-invalid')
      if (text !== '') expect(`${error.message}${JSON.stringify(error.details)}`).not.toContain(text)
      expect(readFileSync(at('wrong'), 'utf8')).toBe(text)
    },
  )

  it('says why a path cannot be used', () => {
    mkdirSync(at('folder'))
    expect(refusal(at('folder')).message).toContain('it is no regular file')
    expect(refusal(at('nowhere/key')).message).toContain('it cannot be created')
    expect(refusal(at('new/key')).code).toBe('key-file-unreachable')
  })
})
