/** `thicket inspect`: decodes and judges an operation's header or a wire frame, one for a person or many for a tool. */

import { readFileSync, statSync } from 'node:fs'
import {
  bytesToHex,
  decodeCbor,
  describeHeader,
  FrameDecoder,
  hexToBytes,
  isThicketError,
  judgeHeader,
  type ThicketError,
} from '../core/index.js'
import { DEFAULT_SYNC_LIMITS, decodeHandshake, decodeSync, type SyncMessage } from '../sync/index.js'
import { sharedCrypto } from './defaults.js'

export interface InspectArguments {
  /** Hex, a path, or `-`. */
  readonly input?: string
  readonly body?: string
  readonly batch?: string
  readonly json?: boolean
}

/** Input that cannot be judged at all; printed as one line. */
class UnusableInput extends Error {}

/** Exit code: 0 accepted, 1 refused, 2 unusable input. A batch that could be read is 0 whatever its verdicts. */
export async function inspectVerb(args: InspectArguments): Promise<number> {
  try {
    if (args.batch !== undefined) return inspectBatch(args.batch)
    if (args.input === undefined) throw new UnusableInput('inspect: expected hex, a file, - or --batch FILE')
    return inspectOne(readInput(args.input), args)
  } catch (error) {
    if (!(error instanceof UnusableInput)) throw error
    process.stderr.write(`${error.message}\n`)
    return 2
  }
}

function inspectBatch(path: string): number {
  const name = path === '-' ? 'standard input' : path
  const lines = readBytes(path).toString('utf8').split('\n')
  let verdicts = ''
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue
    const { header, body } = batchLine(line, `${name}:${index + 1}`)
    verdicts += `${JSON.stringify(judgeHeader(header, body, sharedCrypto()))}\n`
  }
  process.stdout.write(verdicts)
  return 0
}

function batchLine(line: string, at: string): { header: Uint8Array; body: Uint8Array | null } {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new UnusableInput(`${at}:1: no JSON; expected { "header": hex, "body": hex or null }`)
  }
  const { header, body } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const fields = { header: hexField(header), body: body === null || body === undefined ? null : hexField(body) }
  if (!fields.header)
    throw new UnusableInput(`${at}:1: "header" is no hexadecimal text; expected hex of the signed header`)
  if (fields.body === undefined) throw new UnusableInput(`${at}:1: "body" is no hexadecimal text; expected hex or null`)
  return { header: fields.header, body: fields.body }
}

function hexField(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string') return undefined
  try {
    return hexToBytes(value)
  } catch {
    return undefined
  }
}

function inspectOne(input: Uint8Array, args: InspectArguments): number {
  const body = args.body === undefined ? null : hexField(args.body)
  if (body === undefined) throw new UnusableInput('--body: no hexadecimal text; expected hex of the body')
  const frames = wireFrames(input)
  if (isThicketError(frames)) {
    const verdict = { accepted: false, error: frames.code, field: null }
    print(args, verdict, [`✗ ${frames.code}: ${frames.message}`])
    return 1
  }
  if (frames) {
    print(args, frames, frames.flatMap(frameLines))
    return frames.some(({ isRefused }) => isRefused) ? 1 : 0
  }
  const { fields, id, error } = describeHeader(input, body, sharedCrypto())
  const verdict = judgeHeader(input, body, sharedCrypto())
  print(args, verdict, [
    verdict.accepted ? '✓ accepted' : `✗ ${error?.code ?? 'refused'}: ${error?.message ?? ''}`,
    ...(fields
      ? [
          ['id', id ?? '- (not accepted)'],
          ['version', fields.version],
          ['author', fields.author],
          ['sequence number', fields.seqNum],
          ['backlink', fields.backlink ?? '-'],
          ['payload size', fields.payloadSize],
          ['payload hash', fields.payloadHash ?? '-'],
          ['signature', bytesToHex(fields.signature)],
          ['header bytes', fields.bytes],
          ...extensionRows(fields.extensions),
        ].map(([name, value]) => row(String(name), String(value)))
      : []),
    ...(body ? [row('body', `${body.length} bytes${bodyText(body)}`)] : []),
  ])
  return verdict.accepted ? 0 : 1
}

type Extensions = NonNullable<NonNullable<ReturnType<typeof describeHeader>['fields']>['extensions']>

function extensionRows(extensions: Extensions | null): readonly (readonly [string, string])[] {
  if (!extensions) return [['extensions', '- (not decoded)']]
  const at = new Date(Number(extensions.timestamp / 1_000n))
  const readable = Number.isNaN(at.getTime()) ? '' : ` (${at.toISOString()})`
  return [
    ['extensions', extensions.variant],
    ['log id', extensions.logId],
    ['timestamp', `${extensions.timestamp}${readable}`],
    extensions.variant === 'basic'
      ? ['prune', extensions.prune ? 'yes' : 'no']
      : ['previous', extensions.previous.join(' ') || 'none'],
  ]
}

function bodyText(body: Uint8Array): string {
  try {
    const value = decodeCbor(body)
    return `, CBOR ${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item))}`
  } catch {
    return ''
  }
}

interface InspectedFrame {
  readonly protocol: 'topic-handshake' | 'log-sync'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
  /** It carries an operation that breaks a rule. */
  readonly isRefused?: true
}

/** Length-prefixed frames of one of p2panda's protocols, or the rule they break; null when the bytes are none. */
function wireFrames(bytes: Uint8Array): readonly InspectedFrame[] | ThicketError | null {
  const decoder = new FrameDecoder(DEFAULT_SYNC_LIMITS.frameBytes)
  const frames: Uint8Array[] = []
  try {
    decoder.push(bytes)
    for (let frame = decoder.next(); frame; frame = decoder.next()) frames.push(frame)
    decoder.finish()
  } catch (error) {
    if (!isThicketError(error)) throw error
    // A header begins with a CBOR array; zero begins the length of a frame below 16 MiB.
    return bytes[0] === 0 ? error : null
  }
  if (frames.length === 0) return null
  try {
    return frames.map(inspectFrame)
  } catch (error) {
    if (isThicketError(error)) return error
    throw error
  }
}

function inspectFrame(frame: Uint8Array): InspectedFrame {
  // Both protocols number their messages from 0; only the handshake's have these lengths.
  if (frame.length === HANDSHAKE_TOPIC_BYTES || (frame.length === 1 && frame[0] === 1)) {
    const { type, ...fields } = decodeHandshake(frame)
    return { protocol: 'topic-handshake', message: type, fields }
  }
  const message = decodeSync(frame, DEFAULT_SYNC_LIMITS)
  const isRefused = isOperation(message) && !judgement(message).accepted
  return {
    protocol: 'log-sync',
    message: message.type,
    fields: syncFields(message),
    ...(isRefused ? { isRefused } : {}),
  }
}

type OperationMessage = Extract<SyncMessage, { readonly type: 'operation' | 'live' }>

function isOperation(message: SyncMessage): message is OperationMessage {
  return message.type === 'operation' || message.type === 'live'
}

function judgement({ operation: { header, body } }: OperationMessage) {
  return judgeHeader(header, body, sharedCrypto())
}

/** One byte for the variant, one for the length, 32 for the topic. */
const HANDSHAKE_TOPIC_BYTES = 34

function syncFields(message: SyncMessage): Readonly<Record<string, unknown>> {
  if (message.type === 'have') {
    const heights = [...message.heights].map(([author, logs]) => [author, Object.fromEntries(logs)])
    return { heights: Object.fromEntries(heights) as unknown }
  }
  if (isOperation(message)) {
    const { body } = message.operation
    return { verdict: judgement(message), body: body && bytesToHex(body) }
  }
  const { type: _, ...fields } = message
  return fields
}

function frameLines({ protocol, message, fields }: InspectedFrame): readonly string[] {
  const rows = Object.entries(fields).map(([name, value]) =>
    row(name, typeof value === 'string' ? value : JSON.stringify(value)),
  )
  return [`${protocol}: ${message}`, ...rows]
}

function print(args: InspectArguments, json: unknown, lines: readonly string[]): void {
  process.stdout.write(args.json ? `${JSON.stringify(json)}\n` : `${lines.join('\n')}\n`)
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(16)} ${value}`
}

/** Hex as an argument, or a file (or standard input) with hex or with the bytes themselves. */
function readInput(input: string): Uint8Array {
  const isHex = /^(?:[0-9a-fA-F]{2})+$/.test(input)
  if (isHex && !isFile(input)) return hexToBytes(input)
  if (!isHex && input !== '-' && !isFile(input))
    throw new UnusableInput(`${input}:1:1: neither hexadecimal nor a file; expected hex, a file or -`)
  const bytes = readBytes(input)
  const text = bytes.toString('latin1').replace(/\s+/g, '')
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? hexToBytes(text) : new Uint8Array(bytes)
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    // The hex of a header is longer than any file's name may be.
    return false
  }
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UnusableInput(`${path}:1:1: cannot be read (${reason}); expected a readable file`)
  }
}
