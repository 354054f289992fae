/** Goal: whatever a path leads to, there is a scenario or one problem of its first line. Method: files on the disk. */

import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { BOUNDS, loadScenarioFile, ScenarioError } from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'thicket-load-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const SCENARIO = 'thicket: 1\nname: here\nnodes: [{ name: a }]\n'

function written(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

function problemOf(path: string): string {
  try {
    loadScenarioFile(path)
  } catch (error) {
    if (error instanceof ScenarioError) return error.message.replace(path, 'FILE')
    throw error
  }
  return 'none'
}

describe('a scenario file', () => {
  it('is read, and named in what is told of it', () => {
    const path = written('good.yaml', SCENARIO)
    expect(loadScenarioFile(path)).toMatchObject({ name: 'here', file: path })
    expect(problemOf(written('wrong.yaml', `${SCENARIO}seed: x\n`))).toMatch(/^FILE:4:7: "x" is not possible/)
  })

  it('may begin with a byte order mark', () => {
    expect(loadScenarioFile(written('mark.yaml', `\uFEFF${SCENARIO}`)).name).toBe('here')
  })

  it('has to be there', () => {
    expect(problemOf(join(folder, 'nowhere.yaml'))).toBe(
      'FILE:1:1: the file cannot be read: it does not exist; expected a scenario file',
    )
    expect(problemOf(join(written('file.yaml', SCENARIO), 'below.yaml'))).toMatch(
      /^FILE:1:1: the file cannot be read: /,
    )
  })

  it('is no directory', () => {
    mkdirSync(join(folder, 'directory.yaml'))
    expect(problemOf(join(folder, 'directory.yaml'))).toBe(
      'FILE:1:1: the file cannot be read: it is a directory; expected a scenario file',
    )
  })

  it('is UTF-8', () => {
    expect(problemOf(written('latin1.yaml', Uint8Array.of(0x6e, 0x3a, 0x20, 0xe9)))).toBe(
      'FILE:1:1: the file cannot be read: it is not UTF-8; expected a scenario file',
    )
    expect(problemOf(written('utf16.yaml', Buffer.from(`\uFEFF${SCENARIO}`, 'utf16le')))).toMatch(/it is not UTF-8/)
  })

  it('is at most as large as the limit', () => {
    const path = written('large.yaml', `${SCENARIO}#`.padEnd(BOUNDS.fileBytes, '.'))
    expect(loadScenarioFile(path).name).toBe('here')
    truncateSync(path, BOUNDS.fileBytes + 1)
    expect(problemOf(path)).toBe(
      'FILE:1:1: the file cannot be read: it is larger than 4194304 bytes; expected a scenario file',
    )
  })

  it('is held to JSON when its name ends so', () => {
    expect(problemOf(written('comma.json', '{ "thicket": 1, "name": "t", "nodes": [{ "name": "a" },] }'))).toMatch(
      /^FILE:1:55: a comma/,
    )
  })
})
