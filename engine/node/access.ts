/**
 * Whom a node talks to, and what it serves to whom. The rules are asked at every connection, session and operation, so
 * one that changes its mind is heard at once. A topic that is denied looks from outside as one that is unknown.
 */

import { type LogId, ThicketError, type Topic, VerifyingKey } from '../core/index.js'

export interface LogOfTopic {
  readonly author: VerifyingKey
  readonly logId: LogId
}

export interface AccessRules {
  /** Only these nodes, when given. */
  readonly allow?: readonly VerifyingKey[]
  /** Never these nodes, whatever else is said. */
  readonly deny?: readonly VerifyingKey[]
  /** Whether to have anything to do with a node, in either direction. */
  readonly mayConnect?: (peer: VerifyingKey) => boolean
  /** Whether a node may have a topic at all (`log` is null), and then whether it may have one log of it. */
  readonly mayServe?: (peer: VerifyingKey, topic: Topic, log: LogOfTopic | null) => boolean
}

export interface Access {
  mayConnect(peer: VerifyingKey): boolean
  mayServe(peer: VerifyingKey, topic: Topic, log: LogOfTopic | null): boolean
}

export const EVERYBODY: Access = { mayConnect: () => true, mayServe: () => true }

/** @throws `invalid-setting` for a list that is none, `invalid-hex-encoding` and the like for what is no node id in it */
export function accessOf(rules: AccessRules): Access {
  const allow = rules.allow && idsOf('allow', rules.allow)
  const deny = idsOf('deny', rules.deny ?? [])
  for (const hook of ['mayConnect', 'mayServe'] as const) {
    if (rules[hook] === undefined || typeof rules[hook] === 'function') continue
    throw new ThicketError('invalid-setting', `${hook} is a function`, { got: rules[hook] })
  }
  const mayConnect = (peer: VerifyingKey): boolean =>
    !deny.has(peer) && (allow?.has(peer) ?? true) && permits(rules.mayConnect, peer)
  return {
    mayConnect,
    mayServe: (peer, topic, log) => mayConnect(peer) && permits(rules.mayServe, peer, topic, log),
  }
}

/** A hook that is not there permits; one that answers with anything but true, such as a promise, forbids. */
function permits<Question extends unknown[]>(
  hook: ((...question: Question) => boolean) | undefined,
  ...question: Question
): boolean {
  return hook === undefined || hook(...question) === true
}

function idsOf(setting: string, ids: readonly VerifyingKey[]): ReadonlySet<VerifyingKey> {
  if (!Array.isArray(ids)) throw new ThicketError('invalid-setting', `${setting} is a list of node ids`, { got: ids })
  return new Set(ids.map(id => VerifyingKey.fromHex(id)))
}
