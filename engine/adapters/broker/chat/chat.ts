/**
 * The example page: a chat through one's own node. The token stays in this tab (`sessionStorage`) and never enters an
 * address; messages and what waits to be sent stay in this browser (`localStorage`).
 */

import { BrokerError, type ClientEvent, connectBroker, type Json, type LinkState } from '../client/index.js'
import { type ChatMessage, History } from './history.js'
import { type Banner, element, type Shown, showBanner, showMessages } from './view.js'

interface Said {
  readonly from: string
  readonly name: string
  readonly text: string
}

interface Room {
  readonly name: string
  readonly topic: string
  readonly token: string
}

const NAME = 'thicket-chat:name'
const TOPIC = 'thicket-chat:topic'
const TOKEN = 'thicket-chat:token'
const ME = 'thicket-chat:me'

const STATES: Readonly<Record<LinkState, string>> = {
  connecting: 'connecting',
  online: 'online',
  offline: 'offline',
  refused: 'refused',
  closed: 'closed',
}

const KEPT: ReadonlySet<string> = new Set(['client-closed', 'client-refused', 'unauthorized'])

let leave: () => void = () => {}

function enter({ name, topic, token }: Room): void {
  const me = myName()
  const history = new History(localStorage, topic)
  const client = connectBroker({ url: location.origin, token, storage: localStorage, storageKey: 'thicket-chat' })
  const subscription = client.subscribe<Json>(topic, { consumer: `chat-${me}` })
  const list = element('messages')
  let problem: Banner | null = null

  function show(): void {
    const waiting = client.pending.filter(entry => entry.topic === topic)
    const pending = waiting.map((entry): Shown => {
      const said = saidIn('message' in entry ? entry.message : null)
      return { id: entry.ref, ...said, atMs: Date.now(), isPending: true }
    })
    showMessages(list, [...history.messages.map(message => ({ ...message, isPending: false })), ...pending], me)
    element('state').textContent = STATES[client.state]
    element('state').dataset.state = client.state
    const offline = { text: `The node is out of reach. ${waitingText(waiting.length)}` }
    showBanner(problem ?? (client.state === 'offline' || !navigator.onLine ? offline : null))
  }

  function hear(event: ClientEvent<Json>): void {
    if (event.type !== 'processed') return
    const { id, timestamp, message } = event.operation
    const said = saidIn(message)
    if (said.text !== '') history.add({ id, ...said, atMs: Number(BigInt(timestamp) / 1_000n) })
    event.operation.ack()
    show()
  }

  async function listen(): Promise<void> {
    try {
      for await (const event of subscription) hear(event)
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      if (error.code === 'unauthorized') {
        stop()
        sessionStorage.removeItem(TOKEN)
        ask('The node does not know this token.')
      } else if (error.code === 'consumer-taken') {
        client.close()
        problem = { text: 'This chat goes on in another tab.', button: () => location.reload() }
        show()
      } else {
        problem = { text: `The node refuses: ${error.message}` }
        show()
      }
    }
  }

  function stop(): void {
    window.removeEventListener('online', show)
    window.removeEventListener('offline', show)
    client.close()
    leave = () => {}
  }

  element<HTMLFormElement>('write').onsubmit = event => {
    event.preventDefault()
    const input = element<HTMLInputElement>('text')
    const text = input.value.trim()
    if (text === '') return
    input.value = ''
    list.scrollTop = list.scrollHeight
    const said: Said = { from: me, name, text }
    client.publish(topic, { ...said }).then(
      // It is shown at once; when it comes from the node it is known by its id.
      id => {
        history.add({ id, ...said, atMs: Date.now() } satisfies ChatMessage)
        show()
      },
      (error: unknown) => {
        // It stays in the storage, and goes out with the next token or after the next reload.
        if (error instanceof BrokerError && KEPT.has(error.code)) return
        input.value ||= text
        problem = { text: `That was not sent: ${error instanceof Error ? error.message : 'it failed'}` }
        show()
      },
    )
  }
  element<HTMLButtonElement>('copy-topic').textContent = `room ${topic.slice(0, 8)}…`
  element<HTMLButtonElement>('copy-topic').onclick = () => void navigator.clipboard?.writeText(topic)
  element<HTMLButtonElement>('leave').onclick = () => leave()
  client.onState(show)
  client.onPending(show)
  window.addEventListener('online', show)
  window.addEventListener('offline', show)
  leave = () => {
    stop()
    sessionStorage.removeItem(TOKEN)
    ask(null)
  }
  element('join').hidden = true
  element('room').hidden = false
  show()
  list.scrollTop = list.scrollHeight
  element('text').focus()
  void listen()
}

/** The form before the room. */
function ask(error: string | null): void {
  element('room').hidden = true
  element('join').hidden = false
  const complaint = element('join-error')
  complaint.hidden = error === null
  complaint.textContent = error
  element<HTMLInputElement>('name').value = localStorage.getItem(NAME) ?? ''
  element<HTMLInputElement>('topic').value = localStorage.getItem(TOPIC) ?? ''
  element<HTMLInputElement>('token').value = ''
}

function start(): void {
  const topicInput = element<HTMLInputElement>('topic')
  element<HTMLButtonElement>('new-topic').onclick = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(32))
    topicInput.value = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  }
  element<HTMLFormElement>('join').onsubmit = event => {
    event.preventDefault()
    const name = element<HTMLInputElement>('name').value.trim()
    const topic = topicInput.value.trim().toLowerCase()
    const token = element<HTMLInputElement>('token').value.trim()
    if (name === '' || token === '') return
    localStorage.setItem(NAME, name)
    localStorage.setItem(TOPIC, topic)
    sessionStorage.setItem(TOKEN, token)
    enter({ name, topic, token })
  }
  const [name, topic] = [localStorage.getItem(NAME), localStorage.getItem(TOPIC)]
  const token = sessionStorage.getItem(TOKEN)
  if (name && topic && token) enter({ name, topic, token })
  else ask(null)
}

function myName(): string {
  const known = localStorage.getItem(ME)
  if (known) return known
  const made = Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(16).padStart(2, '0')).join(
    '',
  )
  localStorage.setItem(ME, made)
  return made
}

/** Other apps may write in the room as well: `thicket node --stdin` publishes plain texts. */
function saidIn(message: Json | undefined): Said {
  if (typeof message === 'string') return { from: '', name: 'a node', text: message }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return { from: '', name: '', text: '' }
  const { from, name, text } = message as { readonly [key: string]: Json }
  return { from: textOf(from), name: textOf(name).slice(0, 40) || 'somebody', text: textOf(text) }
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function waitingText(count: number): string {
  if (count === 0) return 'What you write is kept, and sent when it is back.'
  return count === 1 ? 'One message waits to be sent.' : `${count} messages wait to be sent.`
}

start()
