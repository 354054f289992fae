/**
 * The file in which operations of a topic travel on a USB stick. It is a sequence of bytes without an index:
 *
 * | part | bytes |
 * |---|---|
 * | magic | the 8 ASCII letters `THKTEXP1` |
 * | topic | 32 |
 * | each operation | 4-byte big-endian length, then postcard: byte vector (signed header), option of byte vector (body) |
 * | end | 4 zero bytes, then the number of operations, 4 bytes big-endian |
 *
 * The operations of one log ascend; nothing else is promised of their order. Whoever reads verifies every operation, so
 * a damaged file costs what is damaged and what can no longer be found behind it.
 */

import {
  bytesToHex,
  concatBytes,
  encodeFrame,
  idBytes,
  PostcardReader,
  PostcardWriter,
  ThicketError,
  type Topic,
} from '../core/index.js'

/** An operation as bytes. */
export interface RawOperation {
  readonly header: Uint8Array
  readonly body: Uint8Array | null
}

const MAGIC = new TextEncoder().encode('THKTEXP1')
const HEAD_BYTES = MAGIC.length + 32
const LENGTH_BYTES = 4
/** The largest body that log sync takes, and a header. */
const MAX_RECORD_BYTES = 17 * 1024 * 1024

/** Bytes of an export, in pieces as they come. */
export async function* writeExport(
  topic: Topic,
  operations: AsyncIterable<
    RawOperation | { readonly header: { readonly bytes: Uint8Array }; readonly body: Uint8Array | null }
  >,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield concatBytes(MAGIC, idBytes(topic))
  let count = 0
  for await (const { header, body } of operations) {
    const bytes = header instanceof Uint8Array ? header : header.bytes
    const record = new PostcardWriter().bytes(bytes).option(body, (writer, value) => writer.bytes(value))
    yield encodeFrame(record.finish())
    count += 1
  }
  yield concatBytes(new Uint8Array(LENGTH_BYTES), uint32(count))
}

/**
 * The operations of an export, as they come. Throws `export-foreign` for other files and, at the place of the damage,
 * `export-damaged` or `export-truncated` with `details.position` (bytes) and `details.operation` (how many came before).
 */
export async function* readExport(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<RawOperation, void, undefined> {
  const input = new Input(pieces)
  const head = await input.take(HEAD_BYTES)
  if (!head || bytesToHex(head.subarray(0, MAGIC.length)) !== bytesToHex(MAGIC)) {
    throw new ThicketError('export-foreign', 'the file is no export of operations', { expected: 'THKTEXP1' })
  }
  for (let operation = 0; ; operation++) {
    const position = input.position
    const where = { position, operation }
    const length = await input.take(LENGTH_BYTES)
    if (!length) throw new ThicketError('export-truncated', 'the export ends before its end mark', where)
    const size = new DataView(length.buffer, length.byteOffset).getUint32(0)
    if (size === 0) {
      const count = await input.take(LENGTH_BYTES)
      if (!count) throw new ThicketError('export-truncated', 'the export ends within its end mark', where)
      const expected = new DataView(count.buffer, count.byteOffset).getUint32(0)
      if (expected === operation) return
      throw new ThicketError('export-damaged', `the export says ${expected} operations and holds ${operation}`, where)
    }
    if (size > MAX_RECORD_BYTES) throw new ThicketError('export-damaged', 'an operation longer than any can be', where)
    const record = await input.take(size)
    if (!record) throw new ThicketError('export-truncated', 'the export ends within an operation', where)
    yield decodeRecord(record, where)
  }
}

function decodeRecord(record: Uint8Array, where: Readonly<Record<string, unknown>>): RawOperation {
  try {
    const reader = new PostcardReader(record)
    return { header: reader.bytes(), body: reader.option(of => of.bytes()) }
  } catch (cause) {
    throw new ThicketError('export-damaged', 'an operation of the export does not decode', where, { cause })
  }
}

/** Takes exact numbers of bytes from pieces of any size. */
class Input {
  position = 0
  readonly #pieces: AsyncIterator<Uint8Array> | Iterator<Uint8Array>
  #waiting: Uint8Array[] = []
  #bytes = 0

  constructor(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  }

  /** Null when the input ends before. */
  async take(count: number): Promise<Uint8Array | null> {
    while (this.#bytes < count) {
      const { done, value } = await this.#pieces.next()
      if (done) return null
      this.#waiting.push(value)
      this.#bytes += value.length
    }
    const joined = this.#waiting.length === 1 ? this.#waiting[0]! : concatBytes(...this.#waiting)
    this.#waiting = [joined.subarray(count)]
    this.#bytes -= count
    this.position += count
    return joined.slice(0, count)
  }
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
