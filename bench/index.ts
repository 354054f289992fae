/** `npm run bench`: every bench, one after the other, on a machine that should have nothing else to do. */

import { benchIngest } from './ingest.js'

await benchIngest()
