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
  BlePhy,
  BleRadioOf,
  ConditionsOf,
  DrawnScenario,
  Environment,
  ExpectationOf,
  FaultOf,
  LinkOf,
  LoraRadioOf,
  NetworkOf,
  NodeOf,
  PlacementOf,
  PointOf,
  Position,
  PropagationModel,
  PropagationOf,
  Quantity,
  RadioOf,
  RadioProfile,
  Range,
  Reference,
  Scenario,
  Storage,
  TopicSpec,
  WaypointOf,
  WorkOf,
} from './types.js'
export { readDistance, readDuration } from './units.js'
