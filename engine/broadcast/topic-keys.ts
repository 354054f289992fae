/**
 * The keys of one topic on the air. Whoever knows the 32 bytes of the topic is in; the log id, which is the plain hash
 * of the topic and stands in every header, opens nothing, for each key is the hash of a label of its own and the topic.
 */

import { concatBytes, idBytes, idFromBytes, type LogId, type Topic, type VerifyingKey } from '../core/index.js'
import type { Crypto } from '../ports.js'

export interface TopicKeys {
  readonly topic: Topic
  readonly logId: LogId
  /**
   * One byte, in clear in each frame, so that a node in few topics drops the frames of others without a decryption. It
   * tells outsiders which frames may belong together, and nothing about the topic.
   */
  readonly tag: number
  readonly cipherKey: Uint8Array
  readonly macKey: Uint8Array
  /** Makes author tags that mean nothing to outsiders, and differ from topic to topic. */
  readonly tagKey: Uint8Array
}

/** Changing one of these makes another network: nobody understands the frames of the other any more. */
const LABEL = {
  tag: 'thicket broadcast 1 topic tag',
  cipher: 'thicket broadcast 1 cipher key',
  mac: 'thicket broadcast 1 mac key',
  author: 'thicket broadcast 1 author tag key',
} as const

export function topicKeys(crypto: Pick<Crypto, 'hash'>, topic: Topic): TopicKeys {
  const secret = idBytes(topic)
  const derive = (label: string) => crypto.hash(concatBytes(new TextEncoder().encode(label), secret))
  return Object.freeze({
    topic,
    logId: idFromBytes<LogId>(crypto.hash(secret), 'log id'),
    tag: derive(LABEL.tag)[0]!,
    cipherKey: derive(LABEL.cipher),
    macKey: derive(LABEL.mac),
    tagKey: derive(LABEL.author),
  })
}

/** What stands for an author in the frames of a topic: 16 bits. Two authors may share one; the signature decides. */
export function authorTag(crypto: Pick<Crypto, 'hash'>, keys: TopicKeys, author: VerifyingKey): number {
  return longAuthorTag(crypto, keys, author) >>> 16
}

/** 32 bits that begin with the tag, for where two known authors share that. */
export function longAuthorTag(crypto: Pick<Crypto, 'hash'>, keys: TopicKeys, author: VerifyingKey): number {
  const digest = crypto.hash(concatBytes(keys.tagKey, idBytes(author)))
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}
