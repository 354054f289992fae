/**
 * `npm run bench`: every bench, one after the other, on a machine that should have nothing else to do;
 * `npm run bench -- network radio`: those named.
 */

import { benchCatchUp } from './catch-up.js'
import { benchIngest } from './ingest.js'
import { benchNetworkCatchUp } from './network-catch-up.js'
import { benchOrdering } from './ordering.js'
import { benchRadio } from './radio.js'

const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  kernel: () => import('./kernel.js'),
  databases: () => import('./databases.js'),
  ingest: benchIngest,
  ordering: () => benchOrdering(),
  'catch-up': benchCatchUp,
  network: () => benchNetworkCatchUp(),
  radio: benchRadio,
}

const named = process.argv.slice(2)
const unknown = named.find(name => !Object.hasOwn(benches, name))
if (unknown !== undefined) {
  console.error(`no bench is called ${unknown}: there are ${Object.keys(benches).join(', ')}`)
  process.exitCode = 2
} else {
  for (const [name, bench] of Object.entries(benches)) if (named.length === 0 || named.includes(name)) await bench()
}
