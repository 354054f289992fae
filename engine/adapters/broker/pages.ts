/**
 * The example page and the compiled client that it loads: a fixed list of files, so that no address can lead to another.
 * The scripts are made by the ordinary build; where it has not run, the page says so.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Page {
  readonly type: string
  headers(host: string): Readonly<Record<string, string>>
  read(): string
}

export interface Pages {
  /** By path of the address. */
  readonly files: ReadonlyMap<string, Page>
}

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** @param scripts folder with the compiled `chat` and `client`; found by itself when absent */
export function loadPages(scripts: string = scriptsFolder()): Pages {
  const files = new Map<string, Page>()
  const assets = [HERE, join(HERE, '../../../../engine/adapters/broker')].find(folder =>
    existsSync(join(folder, 'chat', 'index.html')),
  )
  if (!assets || !existsSync(join(scripts, 'chat', 'chat.js'))) {
    files.set('/chat', text('the chat page is not built; run npm run build\n'))
    return { files }
  }
  files.set('/chat', file(join(assets, 'chat', 'index.html'), 'html', pagePolicy))
  files.set('/chat/chat.css', file(join(assets, 'chat', 'chat.css'), 'css'))
  for (const folder of ['chat', 'client']) {
    for (const name of readdirSync(join(scripts, folder))) {
      if (/^[a-z-]+\.js$/.test(name)) files.set(`/${folder}/${name}`, file(join(scripts, folder, name), 'js'))
    }
  }
  return { files }
}

/** Beside this file once it is compiled; in the build's folder when it runs from its source. */
function scriptsFolder(): string {
  return existsSync(join(HERE, 'chat', 'chat.js')) ? HERE : join(HERE, '../../../dist/engine/adapters/broker')
}

/** The page runs our scripts alone and speaks to this broker alone; not every browser counts ws: as the same origin. */
function pagePolicy(host: string): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      `connect-src 'self' ws://${host} wss://${host}`,
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; '),
  }
}

function file(path: string, type: string, headers: Page['headers'] = () => ({})): Page {
  const content = readFileSync(path, 'utf8')
  return { type, headers, read: () => content }
}

function text(content: string): Page {
  return { type: 'text', headers: () => ({}), read: () => content }
}
