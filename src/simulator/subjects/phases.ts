/**
 * Chains that go from engine to engine, and from some members to others, in the simulator. What must hold is what holds for every
 * engine: agreement, integrity, durability, linearizable reads, progress. Nothing of it stops at a change.
 */
import { present } from '../../base/assert.ts';
import type { Json } from '../../base/types.ts';
import type { EngineFactory } from '../../consensus/engine.ts';
import { createPhases } from '../../consensus/phases/engine.ts';
import { traced } from '../marks.ts';
import type { EngineJson, Subject } from '../subject.ts';
import { chandraTouegSubject } from './chandra-toueg.ts';
import { paxosSubject } from './paxos.ts';
import { pbftSubject } from './pbft.ts';
import { posSubject } from './pos.ts';
import { raftSubject } from './raft.ts';
import { zabSubject } from './zab.ts';

const PARTS: ReadonlyMap<string, Subject> = new Map(
  [posSubject, pbftSubject, raftSubject, paxosSubject, zabSubject, chandraTouegSubject].map((part) => [part.name, part]),
);
/** Blocks from one engine to the next. */
const PHASE_BLOCKS = { low: 3, high: 150 };
/** So many are members under an engine for crashes, which has an odd number of them; under the others all nodes are. */
const MEMBERS_OF_FIVE = 3;

const MARKS = [
  traced('a phase began', 'phase'),
  traced('a third phase began', 'phase', ({ phase }) => Number(phase) >= 2),
  traced('a node was told that a phase is over', 'toldEnd'),
  traced('the next phase proved the end of the one before', 'provenBeyond'),
  traced('an anchor was proven by a block above it', 'provenByCarrier'),
];

function part(name: unknown): Subject {
  return present(PARTS.get(String(name)), `a part for ${String(name)}`);
}

/** From one of these engines to the next at heights of the genesis file. */
export function transitionsSubject(name: string, engines: readonly string[]): Subject {
  const parts = engines.map(part);
  return phasesSubject(name, parts, (random, nodes, keys, times) => {
    const drawn = parts.map((each, i) => {
      const own = random.stream(`${each.name}/${i}`);
      const { members, ...settings } = each.drawSettings(own, nodes, keys, times);
      if (!Array.isArray(members)) return { ...settings };
      const isEven = each.sizes?.includes(nodes.length) === false;
      return { ...settings, members: isEven ? members.slice(1) : members } as EngineJson;
    });
    let height = 0;
    const heights = random.stream('heights');
    const transitions = parts.slice(1).map((each, i) => {
      height += PHASE_BLOCKS.low + heights.below(PHASE_BLOCKS.high);
      return { height, engine: { ...drawn[i + 1], name: each.name } as Json };
    });
    return { ...drawn[0], transitions };
  });
}

/** Three of five members (four of five, where they may lie), others all the time, as operators wish. */
export function membersChangeSubject(name: string, engine: string): Subject {
  const own = part(engine);
  const count = own.name === 'pbft' ? MEMBERS_OF_FIVE + 1 : MEMBERS_OF_FIVE;
  return {
    ...phasesSubject(name, [own], (random, nodes, keys, times) => {
      const { members, ...settings } = own.drawSettings(random, nodes, keys, times);
      return { ...settings, members: (members as readonly Json[]).slice(0, count), spare: (members as readonly Json[]).slice(count) };
    }),
    sizes: [5],
    // Any of them may be a member in the end.
    quorum: (nodes) => nodes,
    operators: (settings) => commandsFor(own.name, settings, count),
  };
}

function commandsFor(name: string, { spare, ...settings }: EngineJson, count: number) {
  const all = [...(settings.members as readonly Json[]), ...(spare as readonly Json[])];
  const choices = all.map((_, first) => Array.from({ length: count }, (_each, i) => all[(first + i) % all.length] ?? null));
  return choices.map((members) => ({ name: 'transition', arguments: { engine: { ...settings, name, members } } }));
}

function phasesSubject(name: string, parts: readonly Subject[], drawSettings: Subject['drawSettings']): Subject {
  const first = present(parts[0], 'the first engine');
  const sum = (of: (each: Subject) => number): number => parts.reduce((total, each) => total + of(each), 0);
  return {
    name,
    create(params, node, proofs, signatures) {
      const { spare: _, transitions = [], ...settings } = params.engine.settings;
      const create: EngineFactory = (own, settingsOfNode, given) => part(own.engine.name).create(own, settingsOfNode, proofs, given);
      return createPhases({ ...params, engine: { name: first.name, settings, transitions } }, node, signatures, create);
    },
    drawSettings,
    ...(first.says !== undefined && { says: first.says }),
    keysPerNode: Math.max(...parts.map(({ keysPerNode }) => keysPerNode)),
    difficulty: () => 0n,
    blockMs: (settings) => Math.max(...phasesOf(first.name, settings).map(([of, own]) => part(of).blockMs(own))),
    sizes: [4, 5, 7],
    quorum: (nodes) => Math.max(...parts.map((each) => each.quorum(nodes))),
    maxTimeoutMs: (settings) => phasesOf(first.name, settings).reduce((total, [of, own]) => total + (part(of).maxTimeoutMs?.(own) ?? 0), 0),
    ...(parts.every(({ linearizableRead }) => linearizableRead === 'read') && { linearizableRead: 'read' }),
    invariants: [],
    marks: MARKS,
    tolerates: () => (sum((each) => (each.name === 'pbft' ? 0 : 1)) === 0 ? 1 : 0),
    behaviours: new Map(),
  };
}

/** Names and settings, in order. */
function phasesOf(first: string, { transitions = [], ...settings }: EngineJson): readonly (readonly [string, EngineJson])[] {
  const rest = (transitions as readonly { readonly engine: EngineJson }[]).map(({ engine }) => [String(engine.name), engine] as const);
  return [[first, settings], ...rest];
}
