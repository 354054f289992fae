/**
 * Goal: two people chat through one node with the page it serves; one loses the network and comes back, one reloads; no
 * message is lost or shown twice, and the token is in no address.
 * Method: a real browser, a real node and broker on loopback. Without a browser the test says so and is skipped.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Node } from '../../node/index.js'
import { type Broker, startBroker } from './index.js'
import { newNode, randomTopic } from './nodes.contract.js'
import { compilePage, findBrowser, openBrowser } from './page-browser.contract.js'

const found = findBrowser()
if ('reason' in found) console.warn(`SKIPPED the test of the chat page: ${found.reason}`)

/** A browser takes a second to start; on a machine that is busy it has been seen to take twenty. */
const SETUP_MS = 180_000

describe.skipIf('reason' in found)('the chat page', () => {
  const scripts = mkdtempSync(join(tmpdir(), 'thicket-page-'))
  const topic = randomTopic()
  const addresses: string[] = []
  const complaints: string[] = []
  let node: Node
  let broker: Broker
  let browser: Browser

  beforeAll(async () => {
    compilePage(scripts)
    node = await newNode()
    broker = await startBroker({ node, port: 0, pageScripts: scripts })
    browser = await openBrowser('path' in found ? found.path : '')
  }, SETUP_MS)

  afterAll(async () => {
    await browser?.close()
    await broker?.close()
    await node?.close()
    rmSync(scripts, { recursive: true, force: true })
  })

  async function enter(name: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 820, height: 640 } })
    const page = await context.newPage()
    page.on('request', request => addresses.push(request.url()))
    page.on('websocket', socket => addresses.push(socket.url()))
    page.on('pageerror', error => complaints.push(error.message))
    page.on('console', line => {
      if (line.text().includes('Content Security Policy')) complaints.push(line.text())
    })
    await page.goto(`${broker.url}/chat`)
    await page.fill('#name', name)
    await page.fill('#topic', topic)
    await page.fill('#token', broker.token)
    await page.click('#join button[type=submit]')
    await page.waitForSelector('#state[data-state=online]')
    return page
  }

  async function say(page: Page, text: string): Promise<void> {
    await page.fill('#text', text)
    await page.click('#write button')
  }

  const texts = (page: Page) => page.locator('#messages li:not(.pending) .text').allTextContents()
  const shows = (page: Page, expected: readonly string[]) =>
    expect.poll(() => texts(page), { timeout: 30_000 }).toEqual(expected)

  it('carries a chat through a reload and a time without network', async () => {
    const ada = await enter('Ada')
    const bob = await enter('Bob')
    await say(ada, 'Hello, Bob')
    await shows(bob, ['Hello, Bob'])
    await say(bob, '<b>Hello</b>, Ada')
    await shows(ada, ['Hello, Bob', '<b>Hello</b>, Ada'])

    await bob.context().setOffline(true)
    await bob.waitForSelector('#banner:not([hidden])')
    await say(ada, 'Are you there?')
    await say(bob, 'I write in a tunnel')
    await say(bob, 'and go on writing')
    await bob.context().setOffline(false)
    const all = ['Hello, Bob', '<b>Hello</b>, Ada', 'Are you there?', 'I write in a tunnel', 'and go on writing']
    await expect.poll(async () => (await texts(ada)).sort(), { timeout: 30_000 }).toEqual([...all].sort())
    await expect.poll(async () => (await texts(bob)).sort(), { timeout: 30_000 }).toEqual([...all].sort())

    const before = await texts(ada)
    await ada.reload()
    await ada.waitForSelector('#state[data-state=online]')
    await shows(ada, before)
    await say(bob, 'After the reload')
    await shows(ada, [...before, 'After the reload'])
    if (process.env.THICKET_SCREENSHOT) await ada.screenshot({ path: process.env.THICKET_SCREENSHOT })

    expect(addresses.filter(address => address.includes(broker.token))).toEqual([])
    expect(complaints).toEqual([])
  })

  it('keeps what was written while the node was away, over a reload', async () => {
    const eve = await enter('Eve')
    const { port, token } = broker
    await broker.close()
    await eve.waitForSelector('#state[data-state=offline]')
    await say(eve, 'kept')
    await expect
      .poll(() => eve.locator('#messages li.pending .text').allTextContents(), { timeout: 30_000 })
      .toEqual(['kept'])
    broker = await startBroker({ node, port, token, pageScripts: scripts })
    await eve.reload()
    await expect.poll(async () => (await texts(eve)).at(-1), { timeout: 30_000 }).toBe('kept')
    expect((await texts(eve)).filter(text => text === 'kept')).toHaveLength(1)
  })

  it('asks again for a token that the node does not know', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${broker.url}/chat`)
    await page.fill('#name', 'Mallory')
    await page.fill('#topic', topic)
    await page.fill('#token', '0'.repeat(64))
    await page.click('#join button[type=submit]')
    await page.waitForSelector('#join-error:not([hidden])')
    expect(await page.locator('#join-error').textContent()).toContain('does not know this token')
  })
})
