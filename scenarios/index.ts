export { BOUNDS, DEFAULTS } from './defaults.js'
export { drawScenario } from './draw.js'
export { loadScenarioFile } from './load.js'
export {
  LORA_BANDWIDTHS_HZ,
  LORA_PRESET_NAMES,
  LORA_PRESETS,
  type LoraModem,
  type LoraPreset,
} from './lora-presets.js'
export {
  DUTY_WINDOW_MS,
  LORA_REGION_NAMES,
  LORA_REGIONS,
  type LoraBand,
  type LoraRegion,
  type LoraRegionName,
  loraBandOf,
} from './lora-regions.js'
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
