/** What clients send, checked: form and bounds. What a request means is not looked at here. */

import { z } from 'zod'
import { ThicketError, Topic } from '../../core/index.js'
import type { ClientMessage, Json } from './client/messages.js'
import { CLIENT_CHARACTERS, CONSUMER_CHARACTERS, DEPENDENCIES, REF_CHARACTERS } from './limits.js'

const id = z
  .string()
  .regex(/^[0-9a-fA-F]{64}$/, 'is no hex of 32 bytes')
  .toLowerCase()
const topic = id
const ref = z.string().min(1).max(REF_CHARACTERS)
const client = z.string().min(1).max(CLIENT_CHARACTERS)
const consumer = z.string().min(1).max(CONSUMER_CHARACTERS)
const message = z.custom<Json>(value => value !== undefined, 'is missing')
const dependsOn = z.array(id).max(DEPENDENCIES).optional()

/** Either a message or bytes: one of the two has to be there. */
const content = { message: message.optional(), bytes: z.string().optional() }
const hasOne = (value: { message?: unknown; bytes?: unknown }) =>
  (value.message === undefined) !== (value.bytes === undefined)
const oneOfBoth = { error: 'either message or bytes is expected' }

const clientMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), token: z.string(), client }),
  z.object({ type: z.literal('publish'), ref, topic, dependsOn, ...content }).refine(hasOne, oneOfBoth),
  z.object({
    type: z.literal('subscribe'),
    topic,
    consumer,
    from: z.union([z.enum(['frontier', 'start']), z.object({ cursor: z.string().max(1024 * 1024) })]).optional(),
    window: z.int().min(1).optional(),
  }),
  z.object({ type: z.literal('ack'), topic, consumer, id }),
  z.object({ type: z.literal('unsubscribe'), topic, consumer }),
  z.object({ type: z.literal('ping') }),
])

const posted = z
  .object({ client: client.optional(), ref: ref.optional(), dependsOn, ...content })
  .refine(hasOne, oneOfBoth)
  .refine(value => (value.client === undefined) === (value.ref === undefined), {
    error: 'client and ref belong together',
  })

export type PostedOperation = z.infer<typeof posted>

/** @throws `invalid-message` */
export function parseMessage(value: unknown): ClientMessage {
  return checked(clientMessage.safeParse(value)) as ClientMessage
}

/** @throws `invalid-message` */
export function parsePosted(value: unknown): PostedOperation {
  return checked(posted.safeParse(value))
}

/** @throws `invalid-topic` */
export function parseTopic(text: unknown): Topic {
  const parsed = topic.safeParse(text)
  if (!parsed.success) throw new ThicketError('invalid-topic', 'a topic is the hex of 32 bytes')
  return Topic.fromHex(parsed.data)
}

function checked<Value>(result: z.ZodSafeParseResult<Value>): Value {
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.join('.') ?? ''
  throw new ThicketError('invalid-message', `${where === '' ? 'the message' : where}: ${issue?.message ?? 'is wrong'}`)
}
