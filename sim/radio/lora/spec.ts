/** What a scenario says of one kind of LoRa radio, and how a node comes to the channel. */

import type { RadioOf } from '../../../scenarios/index.js'

export type LoraSpec = RadioOf<number> & { readonly type: 'lora' }
export type Mac = 'csma' | 'aloha'
