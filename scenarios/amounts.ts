/** The amounts and plain values that several keys of the format share. */

import { BOUNDS } from './defaults.js'
import { quantity } from './quantity.js'
import { choice, scalar } from './shape.js'
import { UNITS } from './units.js'

const DAYS = BOUNDS.durationMs / 86_400_000
export const duration = quantity(
  `a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to ${DAYS}d`,
  UNITS.duration,
  {
    min: 0,
    max: BOUNDS.durationMs,
  },
)
export const longDuration = quantity(`a duration above 0 and up to ${DAYS}d, such as 2h`, UNITS.duration, {
  above: 0,
  max: BOUNDS.durationMs,
})
export const signedDuration = quantity(`a duration such as 30s or -1h, up to ${DAYS}d either way`, UNITS.duration, {
  min: -BOUNDS.durationMs,
  max: BOUNDS.durationMs,
})
export const share = quantity('a share from 0% to 100%, or a fraction from 0 to 1', UNITS.share, { min: 0, max: 1 })
export const wholeNumber = (least: number, most: number) =>
  quantity(`a whole number from ${least} to ${most}`, UNITS.count, { min: least, max: most, integer: true })
export const storage = choice('crash-disk', 'memory')
export const flag = scalar('true or false', { type: 'boolean' }, value => (typeof value === 'boolean' ? value : null))
