/**
 * From a compact operation back to the header that was signed, byte for byte.
 *
 * What was left out is guessed from what is held: the author by the tag, the sequence number and the timestamp by their
 * low bits, backlink and dependencies by their places. A wrong guess gives other bytes, for which the signature is not
 * good, so the first guess that verifies is the only one there is. The likeliest comes first and mostly is right; there
 * is a limit on how many are tried, because each costs a verification, and then the long form has to be asked for.
 */

import {
  acceptHeader,
  bytesToHex,
  encodeFields,
  type Hash,
  idBytes,
  isThicketError,
  type OperationId,
  type SigningFields,
  signedMessage,
  U64_MAX,
  type VerifyingKey,
} from '../core/index.js'
import type { Crypto } from '../ports.js'
import {
  type CompactDependency,
  type CompactOperation,
  type LongOperation,
  nearest,
  SEQ_NUM_RANGE,
  type ShortOperation,
  TIMESTAMP_BITS,
} from './compact.js'
import type { CompactLookup, KnownAuthor, Missing } from './compact-lookup.js'
import { combinations, type DependencyChoices, dependencyChoices } from './rebuild-dependencies.js'
import type { TopicKeys } from './topic-keys.js'

/** Verifications for one compact operation: 64 take some 4 ms, and a wrong dependency is seldom beside a right one. */
export const MAX_VERIFICATIONS = 64
/** Sequence numbers tried for one author, nearest to where its log is known to end first. */
const MAX_SEQ_NUMS = 24

/** Put together again and verified; on its way to the pipeline. */
export interface ReceivedOperation {
  readonly author: VerifyingKey
  readonly seqNum: number
  readonly id: OperationId
  /** The signed header, canonical. */
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

export type Rebuilt =
  | (ReceivedOperation & { readonly type: 'rebuilt' })
  /**
   * Try again when one of these, or the key of another author, has come. The backlinks that are missing first, then
   * what could be a dependency, the likeliest first; that nothing is named means a dependency fits no author known.
   */
  | { readonly type: 'missing'; readonly missing: readonly Missing[]; readonly isStranger: boolean }
  /** All that it could stand on is held, and it does not verify: ask for the long form. */
  | { readonly type: 'failed' }

export interface RebuildHint {
  /** The whole sequence number, where it is known from elsewhere, as in coded repair. */
  readonly seqNum?: number
}

type Ports = Pick<Crypto, 'hash' | 'verify'>

export function rebuild(
  compact: CompactOperation,
  lookup: CompactLookup,
  crypto: Ports,
  keys: TopicKeys,
  hint: RebuildHint = {},
): Rebuilt {
  return compact.form === 'long'
    ? rebuildLong(compact, crypto, keys)
    : new ShortRebuild(compact, lookup, crypto, keys, hint).run()
}

function rebuildLong(compact: LongOperation, crypto: Ports, keys: TopicKeys): Rebuilt {
  const { header: unverified, body } = compact
  try {
    const header = acceptHeader(unverified, crypto.verify(signedMessage(unverified)))
    const isHere = header.extensions.logId === keys.logId
    const isBody = body === null || bytesToHex(crypto.hash(body)) === header.payloadHash
    if (!isHere || !isBody) return { type: 'failed' }
    return {
      type: 'rebuilt',
      header: header.bytes,
      author: header.author,
      seqNum: header.seqNum,
      id: header.id,
      body: body?.slice() ?? null,
    }
  } catch (error) {
    if (!isThicketError(error)) throw error
    return { type: 'failed' }
  }
}

class ShortRebuild {
  readonly #compact: ShortOperation
  readonly #lookup: CompactLookup
  readonly #crypto: Ports
  readonly #keys: TopicKeys
  readonly #hint: RebuildHint
  readonly #payloadHash: Hash | null
  readonly #backlinks: Missing[] = []
  readonly #dependencies: Missing[] = []
  #isDependencyUnknown = false
  #left = MAX_VERIFICATIONS

  constructor(compact: ShortOperation, lookup: CompactLookup, crypto: Ports, keys: TopicKeys, hint: RebuildHint) {
    this.#compact = compact
    this.#lookup = lookup
    this.#crypto = crypto
    this.#keys = keys
    this.#hint = hint
    this.#payloadHash = compact.body ? (bytesToHex(crypto.hash(compact.body)) as Hash) : null
  }

  run(): Rebuilt {
    const authors = this.#lookup.authorsOfTag(this.#compact.tag)
    for (const author of authors) {
      const seqNums = this.#seqNums(author)
      for (let index = 0; index < seqNums.length && this.#left > 0; index++) {
        const rebuilt = this.#tryPlace(author, seqNums[index]!, index === 0)
        if (rebuilt) return rebuilt
      }
    }
    const missing = [...this.#backlinks, ...this.#dependencies]
    const isStranger = authors.length === 0
    if (missing.length > 0 || isStranger || this.#isDependencyUnknown) return { type: 'missing', missing, isStranger }
    return { type: 'failed' }
  }

  /** Nearest to the end of the log first. A number held with another timestamp is not the one. */
  #seqNums({ author, exists }: KnownAuthor): readonly number[] {
    const { isAbsolute, seqNum, timestamp } = this.#compact
    if (isAbsolute) return [seqNum]
    if (this.#hint.seqNum !== undefined) return this.#hint.seqNum % SEQ_NUM_RANGE === seqNum ? [this.#hint.seqNum] : []
    const range = BigInt(SEQ_NUM_RANGE)
    const first = Number(nearest(BigInt(seqNum), range, BigInt(exists + 1)))
    const seqNums = [first]
    for (let step = 1; seqNums.length < MAX_SEQ_NUMS && first - step * SEQ_NUM_RANGE >= 0; step++) {
      seqNums.push(first - step * SEQ_NUM_RANGE)
    }
    const mask = (1n << TIMESTAMP_BITS) - 1n
    return seqNums.filter(candidate => {
      const held = this.#lookup.timestampOf(author, candidate)
      // Zero is always written absolutely, for nobody holds what comes before it.
      return candidate > 0 && (held === null || (held & mask) === timestamp)
    })
  }

  /** @param isLikeliest whether what it lacks is worth naming */
  #tryPlace(known: KnownAuthor, seqNum: number, isLikeliest: boolean): Rebuilt | null {
    const { author, tag } = known
    const { isAbsolute, prune, dependencies, timestamp: low } = this.#compact
    const needsPredecessor = seqNum > 0 && !prune
    const backlink = needsPredecessor ? this.#lookup.idOf(author, seqNum - 1) : this.#compact.backlink
    const previousUs = needsPredecessor ? this.#lookup.timestampOf(author, seqNum - 1) : null
    if (needsPredecessor && (backlink === null || previousUs === null)) {
      if (isLikeliest) this.#backlinks.push({ tag, author, seqNum: seqNum - 1 })
      return null
    }
    const timestamp = isAbsolute ? low : nearest(low, 1n << TIMESTAMP_BITS, previousUs!)
    if (timestamp > U64_MAX) return null
    const place = { author, seqNum, backlink, timestamp }
    if (dependencies === null) return this.#tryFields({ ...place, previous: null })
    return this.#tryDependencies(place, dependencies, isLikeliest)
  }

  #tryDependencies(
    place: Omit<Guess, 'previous'>,
    dependencies: readonly CompactDependency[],
    isLikeliest: boolean,
  ): Rebuilt | null {
    const choices = dependencies.map(dependency => dependencyChoices(dependency, this.#lookup, place.timestamp))
    for (const previous of combinations(choices.map(({ held }) => held))) {
      if (this.#left === 0) return null
      const rebuilt = this.#tryFields({ ...place, previous })
      if (rebuilt) return rebuilt
    }
    if (isLikeliest) this.#note(choices)
    return null
  }

  /** Where a dependency has nothing held, that is what lacks; else any of them may be another than those held. */
  #note(choices: readonly DependencyChoices[]): void {
    const open = choices.filter(({ held }) => held.length === 0)
    for (const { missing } of open.length > 0 ? open : choices) {
      this.#dependencies.push(...missing)
      if (open.length > 0 && missing.length === 0) this.#isDependencyUnknown = true
    }
  }

  #tryFields({ author, seqNum, backlink, timestamp, previous }: Guess): Rebuilt | null {
    const { body, signature, prune } = this.#compact
    const { logId } = this.#keys
    const fields: SigningFields = {
      version: 1,
      author,
      payloadSize: body?.length ?? 0,
      payloadHash: this.#payloadHash,
      seqNum,
      backlink,
      extensions: previous
        ? { variant: 'causal', logId, timestamp, previous }
        : { variant: 'basic', logId, timestamp, prune },
    }
    this.#left -= 1
    const message = encodeFields(fields, null)
    if (!this.#crypto.verify({ verifyingKey: idBytes(author), message, signature })) return null
    const header = encodeFields(fields, signature)
    const id = bytesToHex(this.#crypto.hash(header)) as OperationId
    return { type: 'rebuilt', header, author, seqNum, id, body: body?.slice() ?? null }
  }
}

interface Guess {
  readonly author: VerifyingKey
  readonly seqNum: number
  readonly backlink: OperationId | null
  readonly timestamp: bigint
  readonly previous: readonly OperationId[] | null
}
