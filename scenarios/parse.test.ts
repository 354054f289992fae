/**
 * Goal: whoever writes a file that cannot be meant learns where, what and what was expected instead. Method: a table of
 * wrong files, each with the first line that is told of it; the frame below holds what is not the point of a row.
 */

import { describe, expect, it } from 'vitest'
import { BOUNDS, drawScenario, parseScenario, ScenarioError } from './index.js'

/** Lines 1 to 4; what a row adds begins in line 5. */
const HEAD = `thicket: 1
name: wrong
nodes: [{ name: a }, { name: b }, { name: c }, { name: v, count: 3 }]
topics: [chat, { name: news, subscribers: [a] }]
`
const LINKED = `${HEAD}links: [{ between: [a, b] }]\n`

function problems(text: string, file: string): readonly string[] {
  try {
    parseScenario(text, file)
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error
    return error.problems.map(({ line, column, message, expected }) => `${line}:${column} ${message} | ${expected}`)
  }
  return []
}
const firstOf = (text: string, file = 'wrong.yaml') => problems(text, file)[0]

const TOP =
  'thicket, name, description, seed, duration, storage, nodes, network, radios, links, topics, workload, faults, expect'
const FAULT =
  'at, for, partition, isolate, one-way, link, down-for, clog, crash, at-write, restart-after, pause, clock, jump, move, to, churn'
const NODE = 'name, count, storage, subscribe, clock, at, place, bootstrap, radios, mac, antenna, move'
const FAULTS = 'partition, isolate, one-way, link, clog, crash, pause, clock, move, churn'
const EXPECTATION =
  'converged, delivered, no-violations, duplicates, bytes, airtime, over-floor, sessions, overlay-connected'

const nodes = (written: string) => `thicket: 1\nname: wrong\nnodes:\n${written}\n`
const link = (written: string) => `${HEAD}links:\n  - ${written}\n`
const work = (written: string) => `${HEAD}workload:\n  - ${written}\n`
const fault = (written: string) => `${LINKED}faults:\n  - ${written}\n`
const network = (written: string) => `${HEAD}network: ${written}\n`
const expectation = (written: string) => `${HEAD}expect:\n  - ${written}\n`

const WRONG: readonly (readonly [what: string, text: string, first: string, file?: string])[] = [
  ['an empty file', '', `1:1 the file is empty | a scenario: a mapping with ${TOP}`],
  ['only comments', '# nothing\n# yet\n', `1:1 the file is empty | a scenario: a mapping with ${TOP}`],
  ['a list at top level', '- thicket: 1\n', `1:1 a list is not possible here | a scenario: a mapping with ${TOP}`],
  ['a word at top level', 'scenario', `1:1 "scenario" is not possible here | a scenario: a mapping with ${TOP}`],
  ['binary bytes', 'thicket: 1\nname: \0\x01\x02\n', '2:7 a character that cannot be printed (U+0000) | text'],
  ['a lone surrogate', 'thicket: 1\nname: \ud800\n', '2:7 a character that cannot be printed (U+D800) | text'],
  [
    'a tab for indentation',
    'thicket: 1\nname: t\nnodes:\n\t- { name: a }\n',
    '4:1 a tab stands in the indentation | spaces',
  ],
  ['a key twice', `${HEAD}name: again\n`, '5:1 the key name stands twice | each key once'],
  [
    'a key twice in a flow mapping',
    nodes('  - { name: a, count: 2, name: b }'),
    '4:26 the key name stands twice | each key once',
  ],
  ['a quoted key twice', '{ "name": "a",\n  "name": "b" }', '2:3 the key name stands twice | each key once'],
  [
    'an alias',
    'thicket: 1\nname: t\nnodes: [{ name: *n }]\n',
    '3:17 an alias has no meaning in a scenario | the value itself',
  ],
  [
    'an anchor',
    'thicket: 1\nname: &n t\nnodes: [{ name: a }]\n',
    '2:7 an anchor has no meaning in a scenario | the value itself',
  ],
  [
    'a tag',
    'thicket: 1\nname: !secret t\nnodes: [{ name: a }]\n',
    '2:7 a tag has no meaning in a scenario | the value itself',
  ],
  [
    'a tag of YAML itself',
    'thicket: !!int 1\nname: t\nnodes: [{ name: a }]\n',
    '1:10 a tag has no meaning in a scenario | the value itself',
  ],
  [
    'a tag of a list',
    'thicket: 1\nname: t\nnodes: !!seq [{ name: a }]\n',
    '3:8 a tag has no meaning in a scenario | the value itself',
  ],
  ['a directive', '%YAML 1.1\n---\nthicket: 1\n', '1:1 a directive has no meaning in a scenario | the value itself'],
  ['two documents', `${HEAD}---\nthicket: 1\n`, '5:1 a second document begins | one document a file'],
  ['a merge key', 'thicket: 1\nname: t\n<<: {}\nnodes: [{ name: a }]\n', `3:1 unknown key << | one of ${TOP}`],
  [
    'an open bracket',
    'thicket: 1\nname: t\nnodes: [{ name: a }\n',
    '4:1 Flow sequence in block collection must be sufficiently indented and end with a ] | a YAML or JSON document',
  ],
  ['an open quote', 'thicket: 1\nname: "t\n', '3:1 Missing closing "quote | a YAML or JSON document'],
  ['a bad escape', 'thicket: 1\nname: "\\q"\n', '2:8 Invalid escape sequence \\q | a YAML or JSON document'],
  [
    'two commas',
    'thicket: 1\nname: t\nnodes: [{ name: a },, { name: b }]\n',
    '3:21 Unexpected , in flow sequence | a YAML or JSON document',
  ],
  [
    'an indentation that fits nothing',
    'thicket: 1\n name: t\n',
    '1:10 Nested mappings are not allowed in compact mappings | a YAML or JSON document',
  ],
  [
    'JSON with a trailing comma',
    '{ "thicket": 1, "name": "t",\n  "nodes": [{ "name": "a" },] }',
    '2:28 a comma before the closing bracket | no comma there: this is JSON',
    'wrong.json',
  ],
  [
    'JSON without quotes',
    '{ "thicket": 1, name: "t" }',
    '1:17 name is not JSON | a text in double quotes',
    'wrong.json',
  ],
  [
    'JSON in single quotes',
    '{ "thicket": 1,\n  "name": \'t\' }',
    '2:11 a text in single quotes | double quotes: this is JSON',
    'wrong.json',
  ],
  [
    'JSON with a comment',
    '{ "thicket": 1, # one\n "name": "t", "nodes": [{ "name": "a" }] }',
    '1:1 this is YAML and not JSON | JSON, or a name that ends in .yaml',
    'wrong.json',
  ],
  ['nesting one past the limit', '['.repeat(BOUNDS.nesting + 1), '1:33 nested too deeply | at most 32 levels'],
  ['nesting without end', '{ a: '.repeat(5_000), '1:161 nested too deeply | at most 32 levels'],
  ['nested lists on one line', '- '.repeat(5_000), '1:65 nested too deeply | at most 32 levels'],
  [
    'another version',
    'thicket: 2\nname: t\nnodes: [{ name: a }]\n',
    '1:10 2 is not possible here | 1, the version of the format',
  ],
  [
    'the version as a text',
    'thicket: "1"\nname: t\nnodes: [{ name: a }]\n',
    '1:10 "1" is not possible here | 1, the version of the format',
  ],
  [
    'no version',
    '# A comment.\nname: t\nnodes: [{ name: a }]\n',
    '2:1 thicket is missing | thicket: 1, the version of the format',
  ],
  [
    'no name',
    'thicket: 1\nnodes: [{ name: a }]\n',
    '1:1 name is missing | name: a name: one line of 1 to 100 characters',
  ],
  ['no nodes', 'thicket: 1\nname: t\n', '1:1 nodes is missing | nodes: a list of nodes, at least 1'],
  [
    'a name of nothing',
    'thicket: 1\nname:\nnodes: [{ name: a }]\n',
    '2:1 a value is missing | a name: one line of 1 to 100 characters',
  ],
  [
    'a blank name',
    'thicket: 1\nname: "  "\nnodes: [{ name: a }]\n',
    '2:7 "  " is not possible here | a name: one line of 1 to 100 characters',
  ],
  ['an unknown key', `${HEAD}weather: bad\n`, `5:1 unknown key weather | one of ${TOP}`],
  ['a mistyped key', `${HEAD}worklaod: []\n`, `5:1 unknown key worklaod, did you mean workload? | one of ${TOP}`],
  [
    'a mistyped key that must be there',
    'thicket: 1\nname: t\nnode: [{ name: a }]\n',
    `3:1 unknown key node, did you mean nodes? | one of ${TOP}`,
  ],
  ['a key in the wrong case', `${HEAD}Seed: 1\n`, `5:1 unknown key Seed, did you mean seed? | one of ${TOP}`],
  ['a key that every object has', `${HEAD}constructor: 1\n`, `5:1 unknown key constructor | one of ${TOP}`],
  ['__proto__', `${HEAD}__proto__: 1\n`, `5:1 unknown key __proto__ | one of ${TOP}`],
  ['a key of two lines', `${HEAD}"see\\nd": 1\n`, `5:1 unknown key "see\\nd", did you mean seed? | one of ${TOP}`],
  ['a mapping for a key', `${HEAD}? { a: 1 }\n: 1\n`, `5:3 unknown key "a mapping" | one of ${TOP}`],
  ['a network that reaches nobody', network('{ reach: none }'), '5:19 "none" is not possible here | all or links'],
  [
    'conditions of a network without reach',
    network('{ latency: 40ms, loss: 1% }'),
    '5:12 latency of a network holds where reach is all | reach: all, or the same key on links',
  ],
  [
    'conditions of a network of links',
    network('{ reach: links, bandwidth: 1Mbit/s }'),
    '5:26 bandwidth of a network holds where reach is all | reach: all, or the same key on links',
  ],
  [
    'a network that loses everything',
    network('{ reach: all, loss: 95% }'),
    '5:30 "95%" is not possible here | a share from 0% to 90%, or a fraction from 0 to 0.9',
  ],
  [
    'a network of no latency',
    network('{ reach: all, latency: -1ms }'),
    '5:33 "-1ms" is not possible here | a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to 366d',
  ],
  [
    'a network with a mistyped key',
    network('{ reach: all, latancy: 1ms }'),
    '5:24 unknown key latancy, did you mean latency? | one of reach, latency, jitter, bandwidth, loss',
  ],
  [
    'a seed of a half',
    `${HEAD}seed: 1.5\n`,
    '5:7 1.5 is not possible here | a whole number from 0 to 9007199254740991',
  ],
  ['a negative seed', `${HEAD}seed: -1\n`, '5:7 -1 is not possible here | a whole number from 0 to 9007199254740991'],
  [
    'a seed that no number holds',
    `${HEAD}seed: 18446744073709551615\n`,
    '5:7 18446744073709551615 is not possible here | a whole number from 0 to 9007199254740991',
  ],
  [
    'a seed as a range',
    `${HEAD}seed: { from: 1, to: 2 }\n`,
    '5:7 a mapping is not possible here | a whole number from 0 to 9007199254740991',
  ],
  [
    'no duration at all',
    `${HEAD}duration: 0\n`,
    '5:11 0 is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a negative duration',
    `${HEAD}duration: -2h\n`,
    '5:11 "-2h" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a duration of years',
    `${HEAD}duration: 367d\n`,
    '5:11 "367d" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a unit that is no duration',
    `${HEAD}duration: 2km\n`,
    '5:11 "2km" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'units in the wrong order',
    `${HEAD}duration: 30m1h\n`,
    '5:11 "30m1h" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a number in quotes',
    `${HEAD}duration: "250"\n`,
    '5:11 "250" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'infinity',
    `${HEAD}duration: .inf\n`,
    '5:11 .inf is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'not a number',
    `${HEAD}duration: .nan\n`,
    '5:11 .nan is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  ['an unknown storage', `${HEAD}storage: floppy\n`, '5:10 "floppy" is not possible here | crash-disk or memory'],
  ['a list for a text', `${HEAD}description: [a]\n`, '5:14 a list is not possible here | a text'],
  [
    'a range backwards',
    `${HEAD}duration: { from: 2h, to: 1h }\n`,
    '5:11 the range ends before it begins | from to be at most to',
  ],
  [
    'a range without an end',
    `${HEAD}duration: { from: 2h }\n`,
    '5:11 to is missing | to: a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a range with a wrong key',
    `${HEAD}duration: { from: 1h, until: 2h }\n`,
    '5:23 unknown key until | one of from, to',
  ],
  [
    'a range with one impossible end',
    `${HEAD}duration: { from: 0, to: 2h }\n`,
    '5:19 0 is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  ['empty nodes', nodes('  []'), '4:3 0 items are too few | a list of nodes, at least 1'],
  ['nodes as a mapping', nodes('  a: {}'), '4:3 a mapping is not possible here | a list of nodes, at least 1'],
  ['a node that is a word', nodes('  - a'), `4:5 "a" is not possible here | a node: a mapping with ${NODE}`],
  ['an empty item', nodes('  - { name: a }\n  -'), `5:4 a value is missing | a node: a mapping with ${NODE}`],
  [
    'a node without a name',
    nodes('  - { name: a }\n  - { count: 2 }'),
    '5:5 name is missing | name: a name: letters, digits, - . and _, beginning with a letter or a digit',
  ],
  [
    'a name that is reserved',
    nodes('  - { name: rest }'),
    '4:13 rest has a meaning of its own and names no node | a name other than any, rest, all',
  ],
  [
    'a name that is a number',
    nodes('  - { name: 7 }'),
    '4:13 7 is not possible here | a name: letters, digits, - . and _, beginning with a letter or a digit',
  ],
  [
    'a name with a space',
    nodes('  - { name: hut one }'),
    '4:13 "hut one" is not possible here | a name: letters, digits, - . and _, beginning with a letter or a digit',
  ],
  [
    'a name that is too long',
    nodes(`  - { name: ${'x'.repeat(65)} }`),
    '4:13 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is not possible here | a name: letters, digits, - . and _, beginning with a letter or a digit',
  ],
  ['a count of 0', nodes('  - { name: a, count: 0 }'), '4:23 0 is not possible here | a whole number from 1 to 10000'],
  [
    'a count of one and a half',
    nodes('  - { name: a, count: 1.5 }'),
    '4:23 1.5 is not possible here | a whole number from 1 to 10000',
  ],
  [
    'a huge count',
    nodes('  - { name: a, count: 10001 }'),
    '4:23 10001 is not possible here | a whole number from 1 to 10000',
  ],
  [
    'a count as a text',
    nodes('  - { name: a, count: many }'),
    '4:23 "many" is not possible here | a whole number from 1 to 10000',
  ],
  ['a count of nothing', nodes('  - { name: a, count: }'), '4:16 a value is missing | a whole number from 1 to 10000'],
  [
    'too many nodes together',
    nodes('  - { name: a, count: 6000 }\n  - { name: b, count: 6000 }'),
    '5:5 with these there are 12000 nodes or more | at most 10000 nodes',
  ],
  [
    'a name twice',
    nodes('  - { name: a }\n  - { name: a }'),
    '5:5 the name a is taken already in line 4 | names that differ, also of counted nodes',
  ],
  [
    'a name that a count makes',
    nodes('  - { name: v2 }\n  - { name: v, count: 3 }'),
    '5:5 the name v2 is taken already in line 4 | names that differ, also of counted nodes',
  ],
  [
    'a name that a group has',
    nodes('  - { name: v, count: 3 }\n  - { name: v }'),
    '5:5 the name v is taken already in line 4 | names that differ, also of counted nodes',
  ],
  [
    'two groups that overlap',
    nodes('  - { name: v, count: 12 }\n  - { name: v1, count: 2 }'),
    '5:5 the name v1 is taken already in line 4 | names that differ, also of counted nodes',
  ],
  [
    'an overlap that only some draws make',
    nodes('  - { name: v, count: { from: 1, to: 9 } }\n  - { name: v5 }'),
    '5:5 the name v5 is taken already in line 4 | names that differ, also of counted nodes',
  ],
  [
    'a node that subscribes to nothing known',
    nodes('  - { name: a, subscribe: [chat] }'),
    '4:28 no topic is named chat | a name listed under topics',
  ],
  [
    'an address where nobody is dialled',
    nodes('  - { name: a, bootstrap: b }\n  - { name: b }'),
    '4:27 who meets at links alone needs no address | network: { reach: all } beside bootstrap',
  ],
  [
    'the address of nobody',
    `${nodes('  - { name: a, bootstrap: [c] }\n  - { name: b }')}network: { reach: all }\n`,
    '4:28 no node is named c | one of a, b',
  ],
  [
    'an address twice',
    `${nodes('  - { name: a, bootstrap: [v, v2] }\n  - { name: v, count: 2 }')}network: { reach: all }\n`,
    '4:31 v2 is named twice | each node once',
  ],
  [
    'its own address alone',
    `${nodes('  - { name: a, bootstrap: a }\n  - { name: b }')}network: { reach: all }\n`,
    '4:27 a has its own address alone | the names of other nodes',
  ],
  [
    'more addresses than anybody remembers',
    `${nodes('  - { name: a, count: 400, bootstrap: a }')}network: { reach: all }\n`,
    '4:39 with these 160000 addresses or more are known | at most 100000 of all nodes',
  ],
  [
    'a drift that no clock has',
    nodes('  - { name: a, clock: { drift: 200000ppm } }'),
    '4:32 "200000ppm" is not possible here | parts per million such as 20ppm, up to 100000 either way',
  ],
  ['a topic twice', `${HEAD.replace('chat', 'news')}`, '4:16 the topic news is listed twice | each topic once'],
  [
    'a topic name with a space',
    `${HEAD.replace('chat', 'chit chat')}`,
    '4:10 "chit chat" is not possible here | a topic name: letters, digits, - . / and _, beginning with a letter or a digit',
  ],
  [
    'a topic without a name',
    `${HEAD.replace('name: news, ', '')}`,
    '4:16 name is missing | name: a topic name: letters, digits, - . / and _, beginning with a letter or a digit',
  ],
  [
    'an unknown subscriber',
    `${HEAD.replace('[a]', '[a, z]')}`,
    '4:47 no node is named z | one of a, b, c, v, v1, v2 …',
  ],
  ['a subscriber twice', `${HEAD.replace('[a]', '[v, a, v2]')}`, '4:50 v2 is named twice | each node once'],
  ['an unknown end', link('{ between: [a, d1] }'), '6:20 no node is named d1 | one of v1, a, b, c, v, v2 …'],
  [
    'an unknown end that is nearly known',
    link('{ between: [a, v4] }'),
    '6:20 no node is named v4 | one of v, a, b, c, v1, v2 …',
  ],
  ['three ends', link('{ between: [a, b, c] }'), '6:16 3 items are too many | a list of two names of nodes'],
  ['one end', link('{ between: [a] }'), '6:16 1 item is too few | a list of two names of nodes'],
  ['a name for two ends', link('{ between: a }'), '6:16 "a" is not possible here | a list of two names of nodes'],
  ['a self link', link('{ between: [a, a] }'), '6:20 a is linked with itself | two different nodes'],
  ['a self link within a group', link('{ between: [v, v2] }'), '6:20 v2 is linked with itself | two different nodes'],
  ['a mesh with a node twice', link('{ mesh: [a, v, v1] }'), '6:20 v1 is named twice | each node once'],
  ['a mesh of one', link('{ mesh: [a] }'), '6:5 a mesh of one node links nothing | at least two nodes'],
  [
    'a pair linked twice',
    link('{ between: [a, b] }\n  - { between: [b, a] }'),
    '7:5 b and a are linked twice | one link for each pair',
  ],
  [
    'a pair linked twice by a mesh',
    link('{ mesh: [a, v] }\n  - { between: [v1, a] }'),
    '7:5 v1 and a are linked twice | one link for each pair',
  ],
  ['neither between nor mesh', link('{ latency: 20ms }'), '6:5 a link says nothing | exactly one of between, mesh'],
  [
    'between and mesh',
    link('{ between: [a, b], mesh: [a, b] }'),
    '6:24 a link is one thing, this has between and mesh | exactly one of between, mesh',
  ],
  [
    'a negative latency',
    link('{ between: [a, b], latency: -1ms }'),
    '6:33 "-1ms" is not possible here | a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to 366d',
  ],
  [
    'a loss over 100 percent',
    link('{ between: [a, b], loss: 101% }'),
    '6:30 "101%" is not possible here | a share from 0% to 90%, or a fraction from 0 to 0.9',
  ],
  [
    'a loss of everything',
    link('{ between: [a, b], loss: 100% }'),
    '6:30 "100%" is not possible here | a share from 0% to 90%, or a fraction from 0 to 0.9',
  ],
  [
    'a negative loss',
    link('{ between: [a, b], loss: -5% }'),
    '6:30 "-5%" is not possible here | a share from 0% to 90%, or a fraction from 0 to 0.9',
  ],
  [
    'a loss of ten meant as percent',
    link('{ between: [a, b], loss: 10 }'),
    '6:30 10 is not possible here | a share from 0% to 90%, or a fraction from 0 to 0.9',
  ],
  [
    'no bandwidth',
    link('{ between: [a, b], bandwidth: 0 }'),
    '6:35 0 is not possible here | a bandwidth such as 1Mbit/s, from 1bit/s to 1000Gbit/s',
  ],
  [
    'a bandwidth in bytes',
    link('{ between: [a, b], bandwidth: 1MB/s }'),
    '6:35 "1MB/s" is not possible here | a bandwidth such as 1Mbit/s, from 1bit/s to 1000Gbit/s',
  ],
  ['a word for a flag', link('{ between: [a, b], one-way: yes }'), '6:33 "yes" is not possible here | true or false'],
  [
    'more links than the limit',
    `thicket: 1\nname: t\nnodes: [{ name: v, count: 448 }]\nlinks: [{ mesh: [v] }]\n`,
    '4:9 with these there are 100128 links or more | at most 100000 links',
  ],
  [
    'work without a moment',
    work('{ node: a, prune: { topic: chat } }'),
    '6:5 at is missing | at: a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to 366d',
  ],
  [
    'work of nobody',
    work('{ at: 1s, prune: { topic: chat } }'),
    '6:5 node is missing | node: the name of a node or a list of them',
  ],
  [
    'work that does nothing',
    work('{ at: 1s, node: a }'),
    '6:5 this work does nothing | exactly one of publish, prune, ephemeral, subscribe, unsubscribe, or ack and consumer',
  ],
  [
    'work that does two things',
    work('{ at: 1s, node: a, prune: { topic: chat }, publish: { topic: chat } }'),
    '6:24 this work is publish already | exactly one of publish, prune, ephemeral, subscribe, unsubscribe, or ack and consumer',
  ],
  [
    'settings beside a publication',
    work('{ at: 1s, node: a, publish: { topic: chat }, ack: explicit }'),
    '6:50 this work is publish already | exactly one of publish, prune, ephemeral, subscribe, unsubscribe, or ack and consumer',
  ],
  [
    'work of an unknown node',
    work('{ at: 1s, node: [a, z9], prune: { topic: chat } }'),
    '6:25 no node is named z9 | one of a, b, c, v, v1, v2 …',
  ],
  [
    'work of no node',
    work('{ at: 1s, node: [], prune: { topic: chat } }'),
    '6:21 0 items are too few | a list of names of nodes, at least 1',
  ],
  [
    'any beside others',
    work('{ at: 1s, node: [a, any], prune: { topic: chat } }'),
    '6:25 any stands beside other names | any alone, or a list of names',
  ],
  [
    'any that subscribes',
    work('{ at: 1s, node: any, subscribe: chat }'),
    '6:21 any means one drawn node for each publication | the names of nodes',
  ],
  [
    'a node twice',
    work('{ at: 1s, node: [v, v1], prune: { topic: chat } }'),
    '6:25 v1 is named twice | each node once',
  ],
  [
    'an unknown topic',
    work('{ at: 1s, node: a, publish: { topic: chats } }'),
    '6:42 no topic is named chats | one of chat, news',
  ],
  [
    'no topic',
    work('{ at: 1s, node: a, publish: { count: 2 } }'),
    '6:33 topic is missing | topic: the name of a topic',
  ],
  [
    'no publications',
    work('{ at: 1s, node: a, publish: { topic: chat, count: 0 } }'),
    '6:55 0 is not possible here | a whole number from 1 to 1000000',
  ],
  [
    'too many publications',
    work('{ at: 1s, node: a, publish: { topic: chat, count: 1000001 } }'),
    '6:55 1000001 is not possible here | a whole number from 1 to 1000000',
  ],
  [
    'an empty message',
    work('{ at: 1s, node: a, publish: { topic: chat, size: 0 } }'),
    '6:54 0 is not possible here | a size from 1 byte to 16MiB such as 60 or 4kB',
  ],
  [
    'a message above the limit',
    work('{ at: 1s, node: a, publish: { topic: chat, size: 17MiB } }'),
    '6:54 "17MiB" is not possible here | a size from 1 byte to 16MiB such as 60 or 4kB',
  ],
  [
    'a message of half a byte',
    work('{ at: 1s, node: a, publish: { topic: chat, size: 10.5B } }'),
    '6:54 "10.5B" is not possible here | a size from 1 byte to 16MiB such as 60 or 4kB',
  ],
  [
    'publications beyond the end',
    work('{ at: 1m, node: a, publish: { topic: chat, count: 242, every: 1s } }'),
    '6:5 the last of 242 publications lies at 5m1s | all within the duration of 5m',
  ],
  [
    'work beyond the end',
    work('{ node: a, prune: { topic: chat },\n      at: 5m1ms }'),
    '7:11 5m1ms lies beyond the end | a moment within the duration of 5m',
  ],
  [
    'work beyond the end of some draws',
    `${work('{ at: 4m, node: a, prune: { topic: chat } }')}duration: { from: 3m, to: 9m }\n`,
    '6:11 4m lies beyond the end | a moment within the duration of 3m',
  ],
  [
    'a subscription to an unknown topic',
    work('{ at: 1s, node: a, subscribe: [chat, sport] }'),
    '6:42 no topic is named sport | one of chat, news',
  ],
  [
    'an unknown way to acknowledge',
    work('{ at: 1s, node: a, ack: never }'),
    '6:29 "never" is not possible here | automatic or explicit',
  ],
  [
    'dependencies',
    work('{ at: 1s, node: a, publish: { topic: chat, depends-on: [] } }'),
    '6:48 depends-on is not simulated by this version: it belongs to causal ordering | one of topic, count, every, size',
  ],
  [
    'an ephemeral message larger than gossip takes',
    work('{ at: 1s, node: a, ephemeral: { topic: chat, size: 3901 } }'),
    '6:56 3901 is not possible here | a size from 1 byte to 3900 bytes such as 60',
  ],
  [
    'ephemeral messages after the end',
    work('{ at: 1m, node: a, ephemeral: { topic: chat, count: 242, every: 1s } }'),
    '6:5 the last of 242 publications lies at 5m1s | all within the duration of 5m',
  ],
  [
    'a fault beyond the end',
    fault('{ at: 6m, crash: a }'),
    '7:11 6m lies beyond the end | a moment within the duration of 5m',
  ],
  [
    'a fault without a moment',
    fault('{ crash: a }'),
    '7:5 at is missing | at: a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to 366d',
  ],
  [
    'a fault that is nothing',
    fault('{ at: 1m, for: 2s }'),
    '7:5 a fault says nothing | exactly one of partition, isolate, one-way, link, clog, crash, pause, clock, move, churn',
  ],
  [
    'two faults in one',
    fault('at: 1m\n    pause: b\n    crash: a'),
    '9:5 a fault is one thing, this has pause and crash | exactly one of partition, isolate, one-way, link, clog, crash, pause, clock, move, churn',
  ],
  [
    'a crash at write 0',
    fault('{ at: 1m, crash: a, at-write: 0 }'),
    '7:35 0 is not possible here | a whole number from 1 to 1000000',
  ],
  [
    'a crash at a negative write',
    fault('{ at: 1m, crash: a, at-write: -1 }'),
    '7:35 -1 is not possible here | a whole number from 1 to 1000000',
  ],
  ['a crash with for', fault('{ at: 1m, crash: a, for: 10s }'), '7:25 crash has no for | restart-after'],
  [
    'restart-after without crash',
    fault('{ at: 1m, pause: a, restart-after: 5s }'),
    '7:25 restart-after goes with crash, this fault is pause | restart-after beside crash alone',
  ],
  [
    'restart-after alone',
    fault('{ at: 1m, restart-after: 5s }'),
    '7:5 a fault says nothing | exactly one of partition, isolate, one-way, link, clog, crash, pause, clock, move, churn',
  ],
  [
    'at-write without crash',
    fault('{ at: 1m, isolate: a, at-write: 2 }'),
    '7:27 at-write goes with crash, this fault is isolate | at-write beside crash alone',
  ],
  [
    'down-for without link',
    fault('{ at: 1m, clog: [a, b], down-for: 5s }'),
    '7:29 down-for goes with link, this fault is clog | down-for beside link alone',
  ],
  [
    'for and down-for',
    fault('{ at: 1m, link: [a, b], for: 5s, down-for: 5s }'),
    '7:38 for and down-for say the same | one of them',
  ],
  [
    'a fault of no length',
    fault('{ at: 1m, pause: a, for: 0s }'),
    '7:30 "0s" is not possible here | a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'a clock that does not jump',
    fault('{ at: 1m, clock: a }'),
    '7:5 jump is missing | jump: a duration such as 30s or -1h',
  ],
  ['a clock with for', fault('{ at: 1m, clock: a, jump: 1h, for: 5s }'), '7:35 clock has no for | a jump alone'],
  [
    'a jump without clock',
    fault('{ at: 1m, crash: a, jump: 1h }'),
    '7:25 jump goes with clock, this fault is crash | jump beside clock alone',
  ],
  [
    'an absurd jump',
    fault('{ at: 1m, clock: a, jump: -400d }'),
    '7:31 "-400d" is not possible here | a duration such as 30s or -1h, up to 366d either way',
  ],
  [
    'a crash of an unknown node',
    fault('{ at: 1m, crash: q }'),
    '7:22 no node is named q | one of a, b, c, v, v1, v2 …',
  ],
  ['a crash of any', fault('{ at: 1m, crash: any }'), '7:22 no node is named any | one of a, b, c, v, v1, v2 …'],
  ['a node that crashes twice at once', fault('{ at: 1m, crash: [v1, v] }'), '7:27 v1 is named twice | each node once'],
  [
    'a partition of one group',
    fault('{ at: 1m, partition: [[a, b]] }'),
    '7:26 1 item is too few | a list of groups of nodes, at least 2',
  ],
  [
    'a partition of the rest',
    fault('{ at: 1m, partition: [rest] }'),
    '7:26 1 item is too few | a list of groups of nodes, at least 2',
  ],
  [
    'a partition that is a name',
    fault('{ at: 1m, partition: a }'),
    '7:26 "a" is not possible here | a list of groups of nodes, at least 2',
  ],
  [
    'a node in two groups',
    fault('{ at: 1m, partition: [[a, b], [v, a]] }'),
    '7:39 a stands in two groups | each node in one group, once',
  ],
  [
    'a node in two groups, once by its group',
    fault('{ at: 1m, partition: [[v], [c, v2]] }'),
    '7:36 v2 stands in two groups | each node in one group, once',
  ],
  [
    'a node twice in its group',
    fault('{ at: 1m, partition: [[a, a], rest] }'),
    '7:31 a stands twice in its group | each node in one group, once',
  ],
  [
    'the rest twice',
    fault('{ at: 1m, partition: [a, rest, rest] }'),
    '7:36 rest stands in two groups | each node in one group, once',
  ],
  [
    'the rest beside others',
    fault('{ at: 1m, partition: [[a, rest], b] }'),
    '7:31 rest stands beside other names | rest as a group of its own',
  ],
  [
    'an empty group',
    fault('{ at: 1m, partition: [[], a] }'),
    '7:27 0 items are too few | a list of names of nodes, at least 1',
  ],
  [
    'an unknown node in a group',
    fault('{ at: 1m, partition: [[a, w], rest] }'),
    '7:31 no node is named w | one of a, b, c, v, v1, v2 …',
  ],
  [
    'a link that is not there',
    fault('{ at: 1m, link: [a, c], down-for: 5s }'),
    '7:22 a and c are not linked | two nodes with a link between them',
  ],
  ['a link with itself', fault('{ at: 1m, link: [a, a] }'), '7:25 a stands on both ends | two different nodes'],
  ['a link of a group', fault('{ at: 1m, clog: [a, v] }'), '7:25 v stands for 3 nodes | the name of a single node'],
  [
    'a fault of the disk',
    fault('{ at: 1m, disk: { node: a, error: full } }'),
    `7:15 disk is not simulated by this version: it belongs to disk faults | one of ${FAULT}`,
  ],
  [
    'a fault of the air',
    fault('{ at: 1m, corrupt: a }'),
    `7:15 corrupt is not simulated by this version: it belongs to the radios | one of ${FAULT}`,
  ],
  [
    'churn of nothing',
    fault('{ at: 1m, churn: {} }'),
    '7:22 rate is missing | rate: a rate such as 10/h or 2/m, above 0 and up to 36000/h',
  ],
  [
    'churn without a way back',
    fault('{ at: 1m, churn: { rate: 10/h } }'),
    '7:22 down-for is missing | down-for: a duration above 0 and up to 366d, such as 2h',
  ],
  [
    'churn at no rate',
    fault('{ at: 1m, churn: { rate: 0/h, down-for: 1m } }'),
    '7:30 "0/h" is not possible here | a rate such as 10/h or 2/m, above 0 and up to 36000/h',
  ],
  [
    'churn at a rate of no time',
    fault('{ at: 1m, churn: { rate: 10/week, down-for: 1m } }'),
    '7:30 "10/week" is not possible here | a rate such as 10/h or 2/m, above 0 and up to 36000/h',
  ],
  [
    'churn of nobody',
    fault('{ at: 1m, churn: { rate: 10/h, down-for: 1m, nodes: [a, z] } }'),
    '7:61 no node is named z | one of a, b, c, v, v1, v2 …',
  ],
  [
    'churn and another fault',
    fault('{ at: 1m, crash: a, churn: { rate: 10/h, down-for: 1m } }'),
    `7:25 a fault is one thing, this has crash and churn | exactly one of ${FAULTS}`,
  ],
  [
    'a way back beside churn',
    fault('{ at: 1m, churn: { rate: 10/h, down-for: 1m }, restart-after: 1m }'),
    '7:52 restart-after goes with crash, this fault is churn | restart-after beside crash alone',
  ],
  [
    'more churn than a year can hold',
    `${fault('{ at: 1m, churn: { rate: 10/s, down-for: 1m } }')}duration: 1d\n`,
    '7:5 this churn makes some 863400 crashes | at most 100000',
  ],
  [
    'byzantine nodes',
    fault('{ at: 1m, byzantine: {} }'),
    `7:15 byzantine is not simulated by this version: it belongs to byzantine nodes | one of ${FAULT}`,
  ],
  ['an expectation of nothing', expectation('{}'), `6:5 an expectation says nothing | exactly one of ${EXPECTATION}`],
  [
    'two expectations in one',
    expectation('{ delivered: 100%, converged: true }'),
    `6:24 an expectation is one thing, this has delivered and converged | exactly one of ${EXPECTATION}`,
  ],
  [
    'an unknown expectation',
    expectation('{ converges: { within: 1m } }'),
    `6:7 unknown key converges, did you mean converged? | one of ${EXPECTATION}`,
  ],
  [
    'more than everything',
    expectation('{ delivered: 150% }'),
    '6:18 "150%" is not possible here | a share from 0% to 100%, or a fraction from 0 to 1',
  ],
  [
    'convergence that is not wanted',
    expectation('{ converged: false }'),
    '6:18 false is not possible here | true, or a mapping with within',
  ],
  [
    'convergence before the end',
    expectation('{ converged: { within: -1m } }'),
    '6:28 "-1m" is not possible here | a duration such as 90s, 1h30m or 250 (milliseconds), from 0 to 366d',
  ],
  ['a word for a flag', expectation('{ no-violations: maybe }'), '6:22 "maybe" is not possible here | true or false'],
  [
    'half a duplicate',
    expectation('{ duplicates: { max: 0.5 } }'),
    '6:26 0.5 is not possible here | a whole number from 0 to 1000000000',
  ],
  [
    'duplicates without a bound',
    expectation('{ duplicates: {} }'),
    '6:19 max is missing | max: a whole number from 0 to 1000000000',
  ],
  [
    'no bytes',
    expectation('{ bytes: { max-per-operation: 0 } }'),
    '6:35 0 is not possible here | a size from 1 byte to 1TB such as 500 or 4kB',
  ],
  [
    'sessions of nobody',
    expectation('{ sessions: { max-per-node: 0 } }'),
    '6:33 0 is not possible here | a whole number from 1 to 1000000',
  ],
  [
    'sessions without a bound',
    expectation('{ sessions: {} }'),
    '6:17 max-per-node is missing | max-per-node: a whole number from 1 to 1000000',
  ],
  [
    'an overlay that is not wanted',
    expectation('{ overlay-connected: false }'),
    '6:26 false is not possible here | true, or a mapping with within',
  ],
  [
    'an overlay of no topic',
    'thicket: 1\nname: t\nnodes: [{ name: a }]\nexpect: [{ overlay-connected: true }]\n',
    '4:10 an overlay joins the subscribers of a topic, and there is none | a topic',
  ],
  [
    'an expectation as a list',
    `${HEAD}expect: { delivered: 100% }\n`,
    '5:9 a mapping is not possible here | a list of expectations',
  ],
]

describe('wrong files', () => {
  it.each(WRONG.map(([what, text, first, file = 'wrong.yaml']) => [what, text, first, file] as const))(
    '%s',
    (_, text, first, file) => {
      expect(firstOf(text, file)).toBe(first)
    },
  )

  it('holds each row to the frame: without what is wrong there is nothing wrong', () => {
    for (const text of [
      HEAD,
      LINKED,
      nodes('  - { name: a }'),
      link('{ between: [a, v] }'),
      work('{ at: 1s, node: any, publish: { topic: chat } }'),
      fault('{ at: 5m, crash: a, at-write: 1, restart-after: 0 }'),
      expectation('{ delivered: 100% }'),
    ]) {
      expect([text, firstOf(text)]).toEqual([text, undefined])
    }
  })

  it('tells of everything at once, in the order of the file', () => {
    const text = `${HEAD}faults:\n  - { at: 1m, crash: { a: 1 } }\nseed: x\nweather: bad\nduration: 2km\n`
    expect(problems(text, 'wrong.yaml').map(problem => problem.split(' ')[0])).toEqual(['6:22', '7:7', '8:1', '9:11'])
  })

  it('tells of a hundred problems and no more', () => {
    const wrong = (count: number) => `${HEAD}workload:\n${'  - { at: 1s, node: q, ack: explicit }\n'.repeat(count)}`
    expect(problems(wrong(100), 'wrong.yaml')).toHaveLength(100)
    expect(problems(wrong(101), 'wrong.yaml')).toHaveLength(100)
  })

  it('says file, line, column and what was expected, each problem on a line of its own', () => {
    expect(() => parseScenario(`${HEAD}seed: "a\\nb"\n`, 'some/wrong.yaml')).toThrow(
      /^some\/wrong\.yaml:5:7: "a\\nb" is not possible here; expected a whole number from 0 to \d+$/,
    )
  })

  it('keeps its limits: at each, and one past it', () => {
    const padded = (length: number) => `${HEAD}#`.padEnd(length, '.')
    expect(firstOf(padded(BOUNDS.fileBytes))).toBeUndefined()
    expect(firstOf(padded(BOUNDS.fileBytes + 1))).toBe('1:1 the file is too large | at most 4194304 bytes')
    expect(firstOf(nodes(`  - { name: a, count: ${BOUNDS.nodes} }`))).toBeUndefined()
    expect(firstOf(nodes(`  - { name: a, count: ${BOUNDS.nodes} }\n  - { name: b }`))).toMatch(/at most 10000 nodes/)
    expect(firstOf(nodes('  - { name: v, count: 447 }\nlinks: [{ mesh: [v] }]'))).toBeUndefined()
    expect(firstOf('['.repeat(BOUNDS.nesting) + ']'.repeat(BOUNDS.nesting))).toMatch(/^1:1 a list is not possible/)
    expect(firstOf(nodes(`  - { name: ${'x'.repeat(64)} }`))).toBeUndefined()
    expect(firstOf(`${HEAD}duration: 366d\n`)).toBeUndefined()
    expect(firstOf(work('{ at: 1m, node: a, publish: { topic: chat, count: 241, every: 1s } }'))).toBeUndefined()
    expect(firstOf(work('{ at: 1m, node: a, publish: { topic: chat, size: 16MiB } }'))).toBeUndefined()
    expect(firstOf(link('{ between: [a, b], loss: 90% }'))).toBeUndefined()
  })
})

describe('what a file may leave out or write in its own way', () => {
  const parsed = (text: string, file = 'right.yaml') => parseScenario(text, file)

  it('reads JSON as well, and YAML that looks like JSON with YAML’s freedom', () => {
    const json = '{ "thicket": 1, "name": "j", "nodes": [{ "name": "a" }], "duration": "1m30s" }'
    expect(parsed(json, 'right.json').durationMs).toBe(90_000)
    expect(parsed('{ thicket: 1, name: j, nodes: [{ name: a },], }').nodes).toHaveLength(1)
  })

  it('fills in defaults, and takes plain numbers as milliseconds, bytes, bits a second and fractions', () => {
    const scenario = parsed(
      `${link('{ between: [a, b], latency: 40, bandwidth: 1000, loss: 0.25 }')}workload: [{ at: 1500, node: any, publish: { topic: chat } }]\n`,
    )
    expect(scenario).toMatchObject({ seed: 1, durationMs: 300_000, storage: 'crash-disk', description: null })
    expect(scenario.links[0]).toMatchObject({ latencyMs: 40, jitterMs: 0, bandwidthBps: 1_000, loss: 0.25 })
    expect(scenario.workload[0]).toMatchObject({ atMs: 1_500, node: 'any', count: 1, everyMs: 1_000, size: 60 })
  })

  it('takes one name where a list is meant, and a topic as it stands beside publish', () => {
    const subscribed = ['chat', '[chat]', '{ topic: chat }'].map(
      topic => parsed(work(`{ at: 1s, node: a, subscribe: ${topic} }`)).workload[0],
    )
    for (const each of subscribed) {
      expect(each).toMatchObject({ type: 'subscribe', node: [{ name: 'a' }], topics: [{ name: 'chat' }] })
    }
  })

  it('takes settings beside a subscription, which come first', () => {
    const { workload } = parsed(work('{ at: 1s, node: a, subscribe: chat, ack: explicit, consumer: app }'))
    expect(workload.map(({ type }) => type)).toEqual(['configure', 'subscribe'])
    expect(workload[0]).toMatchObject({ ack: 'explicit', consumer: 'app' })
  })

  it('means by convergence without a time that it is there by the end', () => {
    for (const written of ['{ converged: true }', '{ converged: {} }']) {
      expect(parsed(`${expectation(written)}duration: { from: 1m, to: 2m }\n`).expect[0]).toMatchObject({
        withinMs: 120_000,
      })
    }
  })

  it('lets a topic begin with nobody, and a node with no topic', () => {
    const scenario = parsed(
      'thicket: 1\nname: t\nnodes: [{ name: a, subscribe: [] }]\ntopics: [{ name: x, subscribers: [] }]',
    )
    expect(scenario.nodes[0]?.subscribe).toEqual([])
    expect(scenario.topics[0]?.subscribers).toEqual([])
  })

  it('takes names of any script, and words as names of topics', () => {
    const { nodes } = parsed(
      'thicket: 1\nname: Été à la montagne!\nnodes: [{ name: café }, { name: 熊猫-2 }]\ntopics: [rest, all/news]\n',
    )
    expect(nodes.map(({ name }) => name)).toEqual(['café', '熊猫-2'])
  })

  it('reads a file of another editor: a byte order mark, carriage returns, a document mark', () => {
    expect(parsed(`\uFEFF---\r\n${HEAD.replaceAll('\n', '\r\n')}`).nodes).toHaveLength(4)
    expect(firstOf(`\uFEFF${HEAD.replaceAll('\n', '\r\n')}seed: -1\r\n`)).toMatch(/^5:7 /)
  })

  it('hands out what nobody can change', () => {
    expect(Object.isFrozen(parsed(HEAD).nodes[0])).toBe(true)
  })

  it('knows where each thing stands', () => {
    const scenario = parsed(fault('for: 5s\n    pause: [a, v2]\n    at: 1m'))
    expect(scenario.faults[0]).toMatchObject({ line: 7, column: 5, moment: { line: 9, column: 9 } })
    expect(scenario.faults[0]).toMatchObject({
      nodes: [
        { line: 8, column: 13 },
        { line: 8, column: 16 },
      ],
    })
    expect(drawScenario(scenario, () => 0).faults[0]).toMatchObject({ line: 7, column: 5 })
  })
})
