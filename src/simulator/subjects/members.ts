/** What is the same for the simulator about every permissioned engine: members, their keys, how many are enough. */
import type { Random } from '../../base/random.ts';
import type { AdminCommand, EngineFactory } from '../../consensus/engine.ts';
import { type Faults, faultyOf, quorumOf } from '../../consensus/members/membership.ts';
import type { BehaviourFactory } from '../behaviours/behaviour.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import { REORGANISATIONS, WRONGDOING } from '../marks.ts';
import type { EngineJson, NetworkTimes, Subject } from '../subject.ts';
import { membersOf } from './member-list.ts';

/** Crash-fault engines have an odd number of members; Byzantine ones bear the fault of one from four members on. */
const SIZES: { readonly [faults in Faults]: readonly number[] } = { crash: [3, 5, 7], byzantine: [4, 5, 6, 7] };

export interface MembersSubject
  extends Pick<Subject, 'name' | 'blockMs' | 'invariants' | 'marks' | 'linearizableRead' | 'operators' | 'meters'> {
  readonly faults: Faults;
  readonly create: EngineFactory;
  /** The engine's own genesis settings, besides the members. */
  settings(random: Random, times: NetworkTimes): EngineJson;
  maxTimeoutMs(settings: EngineJson): number;
  /** Ways to misbehave that only this engine's members have. */
  readonly behaviours?: ReadonlyMap<string, BehaviourFactory>;
}

/** Operators who want now this member to lead and now that one. Whoever does not lead refuses. */
export function transfersAmong({ members }: EngineJson): readonly AdminCommand[] {
  const nodes = (members as readonly { readonly node: string }[]).map(({ node }) => node);
  return nodes.map((to) => ({ name: 'transfer', arguments: { to } }));
}

export function membersSubject({ faults, create, settings, behaviours = new Map(), ...rest }: MembersSubject): Subject {
  return {
    ...rest,
    create: (params, node, _proofs, signatures) => create(params, node, signatures),
    drawSettings: (random, nodes, keys, times) => ({ members: membersOf(nodes, keys), ...settings(random, times) }),
    keysPerNode: 1,
    difficulty: () => 0n,
    unreachable: faults === 'crash' ? [...REORGANISATIONS, ...WRONGDOING] : REORGANISATIONS,
    sizes: SIZES[faults],
    quorum: (nodes) => quorumOf(nodes, faults),
    tolerates: (nodes) => (faults === 'byzantine' ? faultyOf(nodes, faults) : 0),
    // Where members only crash, none of them lies.
    behaviours: faults === 'byzantine' ? new Map([...COMMON_BEHAVIOURS, [TWIN, twin], ...behaviours]) : behaviours,
  };
}
