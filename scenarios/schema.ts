/**
 * The JSON Schema of the format. It knows each key, its values and the rules between neighbours; that names exist and
 * moments lie within the run only the reader knows. Draft 7, which is what editors read.
 */

import { scenarioShape } from './format.js'

export function schemaText(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'urn:thicket:scenario:1',
    title: 'Thicket scenario, version 1',
    description:
      'Nodes, the links between them, what their apps do, what goes wrong, and what has to be true at the end.',
    ...scenarioShape.schema,
  }
  return `${JSON.stringify(schema, null, 2)}\n`
}
