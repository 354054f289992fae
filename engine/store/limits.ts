/** Bounds of what the store keeps on behalf of others. */

/** Operations held per log because their predecessor is missing. A peer can fill this with one key; contract.md 1. */
export const HELD_OPERATIONS_PER_LOG = 1_024

/** Bytes (headers and bodies) held per topic over all its logs: 64 MiB; contract.md 1. */
export const HELD_BYTES_PER_TOPIC = 64 * 1024 * 1024
