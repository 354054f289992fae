export { BOUNDS, DEFAULTS } from './defaults.js'
export { drawScenario } from './draw.js'
export { loadScenarioFile } from './load.js'
export { parseScenario } from './parse.js'
export { printScenario } from './print.js'
export { type Problem, problemLine, ScenarioError } from './problems.js'
export type {
  AckPolicy,
  DrawnScenario,
  ExpectationOf,
  FaultOf,
  LinkOf,
  NodeOf,
  Position,
  Quantity,
  Range,
  Reference,
  Scenario,
  Storage,
  TopicSpec,
  WorkOf,
} from './types.js'
