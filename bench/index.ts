/** `npm run bench`: every bench, one after the other, on a machine that should have nothing else to do. */

import { benchCatchUp } from './catch-up.js'
import { benchIngest } from './ingest.js'
import { benchOrdering } from './ordering.js'
import { benchRadio } from './radio.js'

await import('./kernel.js')
await import('./databases.js')
await benchIngest()
await benchOrdering()
await benchCatchUp()
await benchRadio()
