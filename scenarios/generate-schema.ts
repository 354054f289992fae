/** Writes schema.json from the shapes of the format: `npm run schema`. Editors and other tools read it; we do not. */

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { schemaText } from './schema.js'

writeFileSync(fileURLToPath(new URL('./schema.json', import.meta.url)), schemaText())
