/** The parts of one topic on one radio, and which stands on which: each is given those it uses, and no two each other. */

import type { VerifyingKey } from '../core/index.js'
import { Asking } from './asking.js'
import { type Author, Authors } from './authors.js'
import { Digests } from './digests.js'
import { Forks } from './forks.js'
import { Forms, type FormsOptions } from './forms.js'
import { FragmentExchange } from './fragment-exchange.js'
import { Introductions } from './introductions.js'
import { Neighbours } from './neighbours.js'
import { OpenWindows } from './open-windows.js'
import { Outbox } from './outbox.js'
import { Pace, type PaceOptions } from './pace.js'
import { Rebuilding } from './rebuilding.js'
import { Relays } from './relays.js'
import { Repair } from './repair.js'
import { Solver } from './solver.js'
import { Unresolved } from './unresolved.js'
import { Voice, type VoiceOptions } from './voice.js'
import { Wants } from './wants.js'

export interface PartsOptions extends FormsOptions, PaceOptions, VoiceOptions {
  readonly crypto: FormsOptions['crypto']
  readonly self: VerifyingKey
}

export interface TopicParts {
  readonly authors: Authors
  /** This node among them. */
  readonly own: Author
  readonly neighbours: Neighbours
  /** How long waits are, and what this node says in its own name. */
  readonly pace: Pace
  readonly voice: Voice
  readonly forms: Forms
  readonly solver: Solver
  /** What waits to be said. */
  readonly digests: Digests
  readonly fragments: FragmentExchange
  readonly introductions: Introductions
  readonly outbox: Outbox
  readonly relays: Relays
  readonly forks: Forks
  /** What waits to be understood. */
  readonly unresolved: Unresolved
  readonly rebuilding: Rebuilding
  /** What is missing, and how it comes. */
  readonly windows: OpenWindows
  readonly repair: Repair
  readonly asking: Asking
  readonly wants: Wants
}

export function createParts(options: PartsOptions): TopicParts {
  const { crypto, keys, source, settings, self, nowMs } = options
  const authors = new Authors(crypto, keys, source)
  const own = authors.introduce(self)!
  const neighbours = new Neighbours(own.tag)
  const pace = new Pace(options, neighbours)
  const voice = new Voice(options, own.tag)
  const forms = new Forms(authors, options)
  const solver = new Solver(authors, forms)

  const digests = new Digests({ authors, pace, voice, settings }, nowMs)
  const fragments = new FragmentExchange(authors, pace, voice)
  const introductions = new Introductions(voice)
  const outbox = new Outbox({ authors, forms, digests, fragments, neighbours, voice })
  const relays = new Relays(authors, neighbours, pace, outbox)
  const forks = new Forks({ authors, forms, pace, digests, outbox, solver })

  const unresolved = new Unresolved(authors, forms)
  const rebuilding = new Rebuilding({ authors, forms, solver, unresolved }, self)

  const windows = new OpenWindows(authors, crypto)
  const repair = new Repair({ forms, forks, fragments, neighbours, pace, solver, voice, windows, settings })
  const asking = new Asking(pace, settings)
  const wants = new Wants({ asking, authors, forks, solver, unresolved, voice, windows })

  return {
    authors,
    own,
    neighbours,
    pace,
    voice,
    forms,
    solver,
    digests,
    fragments,
    introductions,
    outbox,
    relays,
    forks,
    unresolved,
    rebuilding,
    windows,
    repair,
    asking,
    wants,
  }
}
