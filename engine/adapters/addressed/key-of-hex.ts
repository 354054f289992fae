import { isThicketError, VerifyingKey } from '../../core/index.js'

/** Null for what is no key that anybody could sign with. */
export function keyOfHex(hex: string): VerifyingKey | null {
  try {
    return VerifyingKey.fromHex(hex)
  } catch (error) {
    if (isThicketError(error)) return null
    throw error
  }
}
