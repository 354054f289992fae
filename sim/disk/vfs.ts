/**
 * SQLite's window on simulated disks: one VFS for all of them. Every call of SQLite is made for one mount, which is set
 * before the call (`enter`) and taken back after it, so names of files need not say whose they are.
 *
 * Determinism: chance and time are those of the mount. SQLite keeps one generator for the whole process, seeded on
 * first use; it is reset before a call whenever somebody drew from it, so what a node writes depends on its own seed
 * and never on who else lives in the process. Sleeping takes no time: nobody else could free a lock meanwhile.
 */

import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm'
import { invariant } from '../../engine/core/index.js'
import type { Random } from '../../engine/ports.js'
import type { Mount } from './disk.js'
import { DiskFile } from './disk-file.js'
import type { Heap } from './heap.js'
import { type Pointer, SQLITE, type SqliteApi } from './sqlite-api.js'

export const VFS_NAME = 'thicket-disk'
/** SQLite's names here are short; this is the room it keeps for one. */
const MAX_PATH_BYTES = 256
/** Milliseconds from the Julian day 0 (noon, 24 November 4714 BC) to the UNIX epoch. */
const JULIAN_EPOCH_MS = 210_866_760_000_000n

/** What one process gives its connection. */
export interface VfsProcess {
  readonly mount: Mount
  readonly random: Random
  readonly wallUs: () => bigint
}

interface Handle {
  readonly mount: Mount
  readonly name: string
  readonly file: DiskFile
  /** Temporary files are no part of the disk: no step of theirs counts or fails. */
  readonly isTemporary: boolean
  readonly isDeletedOnClose: boolean
  /** True until the first sync of a journal, which syncs the directory too, as SQLite's VFS for UNIX does. */
  syncsDirectory: boolean
}

export interface Vfs {
  enter(process: VfsProcess): void
  /** Returns what was thrown inside the VFS, which only a bug can cause, or null. */
  leave(): unknown
  /** Files that SQLite holds open. */
  readonly openFiles: number
}

export function installVfs(sqlite3: Sqlite3Static, api: SqliteApi, heap: Heap): Vfs {
  const handles = new Map<Pointer, Handle>()
  let current: VfsProcess | null = null
  let isSeeded = false
  let failure: unknown = null

  /** An exception must not unwind SQLite's own frames; it is thrown when the call has returned. */
  function guarded<Arguments extends unknown[]>(work: (...args: Arguments) => number) {
    return (...args: Arguments): number => {
      try {
        return work(...args)
      } catch (error) {
        failure ??= error
        return SQLITE.IOERR
      }
    }
  }

  function handleOf(pointer: Pointer): Handle {
    const handle = handles.get(pointer)
    invariant(handle, 'SQLite uses files that it opened')
    return handle
  }

  function process(): VfsProcess {
    invariant(current, 'SQLite runs for one mount at a time')
    return current
  }

  const io = {
    xClose(pointer: Pointer) {
      const handle = handles.get(pointer)
      handles.delete(pointer)
      if (handle?.isDeletedOnClose && handle.mount.isAlive) handle.mount.directory.delete(handle.name)
      return SQLITE.OK
    },
    xRead(pointer: Pointer, target: Pointer, length: number, position: bigint) {
      const { file, mount, isTemporary } = handleOf(pointer)
      if (!isTemporary && !mount.permits('read')) return SQLITE.IOERR_READ
      const bytes = heap.bytes.subarray(target, target + length)
      const read = file.read(bytes, Number(position))
      if (!isTemporary) mount.disk.spoil(bytes.subarray(0, read))
      if (read === length) return SQLITE.OK
      bytes.fill(0, read)
      return SQLITE.IOERR_SHORT_READ
    },
    xWrite(pointer: Pointer, source: Pointer, length: number, position: bigint) {
      const { file, mount, isTemporary } = handleOf(pointer)
      const at = Number(position)
      if (!isTemporary) {
        if (!mount.permits('write')) return SQLITE.IOERR_WRITE
        if (!mount.disk.fits(file, at + length)) return SQLITE.FULL
      }
      file.write(heap.bytes.subarray(source, source + length), at)
      return SQLITE.OK
    },
    xTruncate(pointer: Pointer, size: bigint) {
      const { file, mount, isTemporary } = handleOf(pointer)
      if (!isTemporary && !mount.permits('truncate')) return SQLITE.IOERR_TRUNCATE
      file.truncate(Number(size))
      return SQLITE.OK
    },
    xSync(pointer: Pointer, _flags: number) {
      const handle = handleOf(pointer)
      if (handle.isTemporary) return SQLITE.OK
      if (!handle.mount.permits('sync')) return SQLITE.IOERR_FSYNC
      handle.file.sync()
      if (handle.syncsDirectory) handle.mount.directory.sync()
      handle.syncsDirectory = false
      return SQLITE.OK
    },
    xFileSize(pointer: Pointer, result: Pointer) {
      const { file, mount } = handleOf(pointer)
      if (!mount.isAlive) return SQLITE.IOERR_FSTAT
      heap.words.setBigInt64(result, BigInt(file.size), true)
      return SQLITE.OK
    },
    // One mount a disk: nobody else could hold a lock.
    xLock: (_pointer: Pointer, _level: number) => SQLITE.OK,
    xUnlock: (_pointer: Pointer, _level: number) => SQLITE.OK,
    xCheckReservedLock(_pointer: Pointer, result: Pointer) {
      heap.words.setInt32(result, 0, true)
      return SQLITE.OK
    },
    xFileControl: (_pointer: Pointer, _operation: number, _argument: Pointer) => SQLITE.NOTFOUND,
    xSectorSize: (pointer: Pointer) => handleOf(pointer).mount.disk.sectorBytes,
    // Promises nothing: no power-safe overwrite, no atomic write, no safe append.
    xDeviceCharacteristics: (_pointer: Pointer) => 0,
  }

  const ioStruct = new sqlite3.capi.sqlite3_io_methods()
  // Version 1 has no shared memory, so a write-ahead log is only to be had with an exclusive lock.
  const ioMethods: Pointer = Number(ioStruct.pointer)

  const vfs = {
    xOpen(_vfs: Pointer, zName: Pointer, pointer: Pointer, flags: number, outFlags: Pointer) {
      const { mount } = process()
      heap.words.setInt32(pointer, 0, true)
      if (!mount.isAlive) return SQLITE.CANTOPEN
      const isTemporary = zName === 0
      const name = isTemporary ? '' : heap.cString(zName)
      let file = isTemporary ? undefined : mount.directory.get(name)
      if (!file) {
        if (!(flags & SQLITE.OPEN_CREATE)) return SQLITE.CANTOPEN
        file = new DiskFile(mount.disk.sectorBytes)
        if (!isTemporary) mount.directory.create(name, file)
      }
      const isDeletedOnClose = !isTemporary && (flags & SQLITE.OPEN_DELETEONCLOSE) !== 0
      const syncsDirectory = (flags & SQLITE.OPEN_CREATE) !== 0 && (flags & SQLITE.OPEN_ANY_JOURNAL) !== 0
      handles.set(pointer, { mount, name, file, isTemporary, isDeletedOnClose, syncsDirectory })
      heap.words.setInt32(pointer, ioMethods, true)
      if (outFlags !== 0) heap.words.setInt32(outFlags, flags, true)
      return SQLITE.OK
    },
    xDelete(_vfs: Pointer, zName: Pointer, syncDirectory: number) {
      const { mount } = process()
      if (!mount.permits('delete')) return SQLITE.IOERR_DELETE
      const name = heap.cString(zName)
      if (!mount.directory.get(name)) return SQLITE.IOERR_DELETE_NOENT
      mount.directory.delete(name)
      if (syncDirectory !== 0) mount.directory.sync()
      return SQLITE.OK
    },
    xAccess(_vfs: Pointer, zName: Pointer, _flags: number, result: Pointer) {
      const { mount } = process()
      if (!mount.isAlive) return SQLITE.IOERR_ACCESS
      // As on UNIX, an empty file counts as none: a journal of no bytes is nothing to play back.
      const size = mount.directory.get(heap.cString(zName))?.size ?? 0
      heap.words.setInt32(result, size > 0 ? 1 : 0, true)
      return SQLITE.OK
    },
    xFullPathname(_vfs: Pointer, zName: Pointer, capacity: number, target: Pointer) {
      const length = heap.bytes.indexOf(0, zName) - zName + 1
      if (length > capacity) return SQLITE.CANTOPEN
      heap.bytes.copyWithin(target, zName, zName + length)
      return SQLITE.OK
    },
    xRandomness(_vfs: Pointer, length: number, target: Pointer) {
      isSeeded = true
      heap.bytes.set(process().random.bytes(length), target)
      return length
    },
    xSleep: (_vfs: Pointer, microseconds: number) => microseconds,
    xCurrentTime(_vfs: Pointer, result: Pointer) {
      heap.words.setFloat64(result, Number(julianMs()) / 86_400_000, true)
      return SQLITE.OK
    },
    xCurrentTimeInt64(_vfs: Pointer, result: Pointer) {
      heap.words.setBigInt64(result, julianMs(), true)
      return SQLITE.OK
    },
    xGetLastError: (_vfs: Pointer, _length: number, _target: Pointer) => SQLITE.OK,
  }

  function julianMs(): bigint {
    return process().wallUs() / 1000n + JULIAN_EPOCH_MS
  }

  ioStruct.iVersion = 1
  const vfsStruct = new sqlite3.capi.sqlite3_vfs()
  vfsStruct.$iVersion = 2
  vfsStruct.$szOsFile = structBytes(sqlite3.capi.sqlite3_file)
  vfsStruct.$mxPathname = MAX_PATH_BYTES
  // The library's types say `number` where the module passes 64-bit integers as bigint.
  type IoMethods = NonNullable<Parameters<typeof sqlite3.vfs.installVfs>[0]['io']>['methods']
  type VfsMethods = NonNullable<Parameters<typeof sqlite3.vfs.installVfs>[0]['vfs']>['methods']
  sqlite3.vfs.installVfs({
    io: { struct: ioStruct, methods: guardAll(io) as unknown as IoMethods },
    // The default, since SQLite's generator asks the default one for its seed.
    vfs: { struct: vfsStruct, methods: guardAll(vfs) as unknown as VfsMethods, name: VFS_NAME, asDefault: true },
  })

  function guardAll<Methods extends Record<string, (...args: never[]) => number>>(methods: Methods): Methods {
    return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, guarded(method)])) as Methods
  }

  return {
    enter(next) {
      invariant(current === null, 'SQLite is not entered from within SQLite')
      current = next
      if (isSeeded) {
        isSeeded = false
        api.sqlite3_randomness(0, 0)
      }
    },
    leave() {
      current = null
      const thrown = failure
      failure = null
      return thrown
    },
    get openFiles() {
      return handles.size
    },
  }
}

/** Every structure of the library tells its size, though its types do not say so. */
function structBytes(struct: unknown): number {
  return (struct as { readonly structInfo: { readonly sizeof: number } }).structInfo.sizeof
}
