/** What the page shows. All text of others goes in as text, never as markup. */

import type { ChatMessage } from './history.js'

export function element<Kind extends HTMLElement>(id: string): Kind {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found as Kind
}

export interface Shown extends ChatMessage {
  readonly isPending: boolean
}

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

export function showMessages(list: HTMLElement, messages: readonly Shown[], me: string): void {
  const wasAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PIXELS
  const items = messages.length > 0 ? messages.map(message => itemOf(message, me)) : [emptyRoom()]
  list.replaceChildren(...items)
  if (wasAtEnd) list.scrollTop = list.scrollHeight
}

/** Whoever has scrolled up to read is not pulled away from it. */
const NEAR_END_PIXELS = 80

function itemOf({ id, from, name, text, atMs, isPending }: Shown, me: string): HTMLElement {
  const item = document.createElement('li')
  item.dataset.id = id
  item.classList.toggle('own', from === me)
  item.classList.toggle('pending', isPending)
  item.append(span('who', name), span('text', text), timeOf(atMs, isPending))
  return item
}

function span(kind: string, text: string): HTMLElement {
  const made = document.createElement('span')
  made.className = kind
  made.textContent = text
  return made
}

function timeOf(atMs: number, isPending: boolean): HTMLElement {
  const time = document.createElement('time')
  time.textContent = isPending ? 'waiting' : timeOfDay.format(atMs)
  return time
}

function emptyRoom(): HTMLElement {
  const item = document.createElement('li')
  item.className = 'empty'
  item.textContent = 'Nobody has written here yet.'
  return item
}

export interface Banner {
  readonly text: string
  /** Leads here with a button; for a room that is open in another tab. */
  readonly button?: () => void
}

export function showBanner(banner: Banner | null): void {
  element('banner').hidden = banner === null
  element('banner-text').textContent = banner?.text ?? ''
  const button = element<HTMLButtonElement>('banner-button')
  button.hidden = !banner?.button
  button.onclick = banner?.button ?? null
}
