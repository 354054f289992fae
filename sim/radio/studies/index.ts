export { type AirtimeArguments, airtimeVerb } from './airtime-verb.js'
export { type FloodOptions, type FloodResult, studyFlood } from './flood.js'
export { type LorasimOptions, type LorasimResult, studyLorasim } from './lorasim.js'
export { type FloodArguments, floodVerb, type LorasimArguments, lorasimVerb } from './study-verb.js'
