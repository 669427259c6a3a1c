/** Networks of validators for attacks on proof-of-stake: their settings, one run, and what can be asked of it afterwards. */
import { expect } from 'vitest';
import type { SignedBy } from '../../src/base/signatures.ts';
import type { Address, Hash } from '../../src/base/types.ts';
import type { ChainView, HeaderNode } from '../../src/chain/tree.ts';
import { decodePayload } from '../../src/consensus/pos/codec.ts';
import { convictedBy } from '../../src/consensus/pos/offences.ts';
import type { Offence, Payload, ValidatorIndex } from '../../src/consensus/pos/types.ts';
import { type BehaviourFactory, withStep } from '../../src/simulator/behaviours/behaviour.ts';
import { COMMON_CHECKERS } from '../../src/simulator/checkers/all.ts';
import type { CheckerFactory, Violation } from '../../src/simulator/checkers/checker.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import type { Observation } from '../../src/simulator/observations.ts';
import type { Options } from '../../src/simulator/options.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import type { EngineJson, Subject } from '../../src/simulator/subject.ts';
import { posSubject } from '../../src/simulator/subjects/pos.ts';
import { depositorOf } from '../../src/simulator/subjects/pos-clients.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';
import { addressOfAccount } from '../../src/simulator/transfers.ts';
import { optionsWith } from './support.ts';

export const SLOT_MS = 1_000;
export const SLOTS = 4;
export const EPOCH_MS = SLOTS * SLOT_MS;

type Of<Type extends Observation['type']> = Extract<Observation, { type: Type }> & { readonly atMs: number };

export interface Play {
  readonly nodes?: number;
  /** Stakes of each node's keys, in ether; four of 32 where nothing is said. */
  readonly stakes?: readonly (readonly number[])[];
  readonly engine?: EngineJson;
  readonly options?: Partial<Options>;
  readonly schedule?: readonly Fault[];
  /** Besides those of the subject. */
  readonly behaviours?: Readonly<Record<string, BehaviourFactory>>;
  readonly epochs?: number;
  readonly seed?: string;
  /** Without the calm at the end, and what is owed in it. */
  readonly untilFaultsEnd?: boolean;
  /** Whether work is counted; then nodes share nothing of it. */
  readonly isCounted?: boolean;
}

/** Of all lives of a node. */
export interface Work {
  /** Signatures, each of as many keys as there were. */
  verified: number;
  /** Blocks that were read: to compute a state again, or to answer somebody. */
  blockReads: number;
}

export interface Played {
  readonly simulation: Simulation;
  readonly violations: readonly Violation[];
  readonly unexpected: readonly Violation[];
  readonly endMs: number;
  of<Type extends Observation['type']>(type: Type): readonly Of<Type>[];
  /** What engines of these nodes told of this kind. */
  traces(name: string, ...places: readonly number[]): readonly Of<'engine'>[];
  /** Codes of offences that correct nodes held against this one. */
  heldAgainst(place: number): ReadonlySet<string>;
  /** Codes for which correct nodes refused something, or would not have it. */
  codes(trace: 'refusedVote' | 'refusedEvidence' | 'refused' | 'ignored' | 'invalid'): ReadonlySet<string>;
  /** The final block of a node. */
  finalized(place: number): HeaderNode;
  /** Epochs since genesis at the end, and how many of them are final at this node. */
  readonly lateEpochs: (place: number) => number;
  /** Validators against whom this node has evidence, ascending. */
  convicted(place: number): readonly ValidatorIndex[];
  /** What blocks of its chain carry. */
  evidence(place: number): readonly Offence[];
  /** Those whom it is against, ascending. */
  slashed(place: number): readonly ValidatorIndex[];
  /** Its chain, without genesis. */
  chain(place: number): readonly HeaderNode[];
  /** What a node has had to do for others, by time. */
  work(place: number): Work;
  /** Deepest of these nodes. */
  deepestReorg(...places: readonly number[]): number;
}

/** The subject with engines that count, by who is paid for their blocks. */
function counting(subject: Subject, works: Map<Address, Work>): Subject {
  return {
    ...subject,
    create: (params, node, proofs, signatures) => {
      const work = works.get(node.beneficiary) ?? { verified: 0, blockReads: 0 };
      works.set(node.beneficiary, work);
      const verify = (signed: SignedBy): boolean => {
        work.verified++;
        return signatures.verify(signed);
      };
      const counted = { ...signatures, verify, verifyAll: (all: readonly SignedBy[]) => all.every(verify) };
      const engine = subject.create(params, node, proofs, counted);
      return withStep(engine, (state, event, context) => engine.step(state, event, { ...context, chain: countReads(context.chain, work) }));
    },
  };
}

function countReads(chain: ChainView, work: Work): ChainView {
  const block = (hash: Hash) => {
    work.blockReads++;
    return chain.block(hash);
  };
  return {
    genesis: chain.genesis,
    head: chain.head,
    finalized: chain.finalized,
    maxHeight: chain.maxHeight,
    get: (hash) => chain.get(hash),
    status: (hash) => chain.status(hash),
    block,
    outputs: (hash, contract) => chain.outputs(hash, contract),
    canonical: (number) => chain.canonical(number),
    atHeight: (number, limit) => chain.atHeight(number, limit),
  };
}

export function validatorsOf(stakes: readonly (readonly number[])[]): EngineJson[] {
  return stakes.flatMap((keys, identity) =>
    keys.map((stakeEther, index) => ({
      publicKey: TAG_KEYS.signer(identity, index).publicKey,
      depositor: depositorOf(identity),
      stakeEther,
    })),
  );
}

export function byzantine(behaviour: string, node: number): Fault {
  return { fault: 'byzantine', node, behaviour, atMs: 0, forMs: FOR_EVER_MS };
}

/** Runs it to its end, or to that of the faults. */
export function play(input: Play): Played {
  const { nodes = 4, schedule = [], behaviours = {}, epochs = 20, seed = '1', untilFaultsEnd = false, isCounted = false } = input;
  const { stakes = Array.from({ length: nodes }, () => [32, 32, 32, 32]) } = input;
  const subject = { ...posSubject, keysPerNode: Math.max(posSubject.keysPerNode, ...stakes.map(({ length }) => length)) };
  const options = optionsWith({
    nodes,
    faultsMs: epochs * EPOCH_MS,
    survivors: Array.from({ length: nodes }, (_, place) => place),
    hashRates: Array.from({ length: nodes }, () => 1),
    ...input.options,
    engine: {
      slotSeconds: SLOT_MS / 1_000,
      slotsPerEpoch: SLOTS,
      unbondingEpochs: 64,
      leakQuotient: 2 ** 32,
      weakSubjectivityEpochs: 2 ** 24,
      validators: validatorsOf(stakes),
      ...input.engine,
    },
  });
  const seen: (Observation & { readonly atMs: number })[] = [];
  const wanted: readonly Observation['type'][] = ['engine', 'offence', 'finalized', 'head', 'announced', 'sending'];
  const collector: CheckerFactory = ({ nowMs }) => ({
    name: 'Collector',
    sees: wanted,
    observe: (observation) => seen.push({ ...observation, atMs: nowMs() }),
  });
  const works = new Map<Address, Work>();
  const simulation = new Simulation({
    subject: {
      ...(isCounted ? counting(subject, works) : subject),
      behaviours: new Map([...subject.behaviours, ...Object.entries(behaviours)]),
    },
    seed,
    options,
    schedule,
    checkers: [...COMMON_CHECKERS, ...subject.invariants, collector],
    marks: [],
  });
  const { world } = simulation;
  while (!simulation.isOver && !simulation.hasFailed && !(untilFaultsEnd && world.nowMs >= options.faultsMs)) simulation.step();
  const workOf = (place: number) => works.get(addressOfAccount(options.accounts + place)) ?? expect.unreachable('work was not counted');
  return ask(simulation, seen, workOf, new Set(schedule.flatMap((fault) => (fault.fault === 'byzantine' ? [fault.node] : []))));
}

function ask(
  simulation: Simulation,
  seen: readonly (Observation & { readonly atMs: number })[],
  work: Played['work'],
  bad: ReadonlySet<number>,
): Played {
  const endMs = simulation.world.nowMs;
  const of = <Type extends Observation['type']>(type: Type) => seen.filter((one): one is Of<Type> => one.type === type);
  const honest = (node: number) => !bad.has(node);
  const finalized = (place: number): HeaderNode => {
    const final = simulation.nodes[place]?.chain.finalized;
    return final ?? expect.unreachable(`there is no node ${place}`);
  };
  const viewOf = (place: number): ChainView => simulation.nodes[place]?.life?.chain ?? expect.unreachable(`node ${place} is down`);
  const payloadOf = (place: number, hash: Hash): Payload =>
    decodePayload(viewOf(place).block(hash)?.payload ?? expect.unreachable(`node ${place} has no block ${hash}`));
  const chain = (place: number): HeaderNode[] => {
    const view = viewOf(place);
    const numbers = Array.from({ length: view.head.header.number }, (_, index) => index + 1);
    return numbers.flatMap((number) => view.get(view.canonical(number) ?? view.genesis.hash) ?? []);
  };
  const evidence = (place: number) => chain(place).flatMap(({ hash }) => payloadOf(place, hash).offences);
  return {
    simulation,
    violations: simulation.violations,
    unexpected: simulation.violations.filter(({ expected }) => !expected),
    endMs,
    of,
    traces: (name, ...places) => of('engine').filter((one) => one.name === name && (places.length === 0 || places.includes(one.node))),
    heldAgainst: (place) =>
      new Set(of('offence').flatMap(({ node, against, error }) => (honest(node) && against === place ? [error.code] : []))),
    codes: (trace) => new Set(of('engine').flatMap(({ node, name, data }) => (honest(node) && name === trace ? [String(data.code)] : []))),
    finalized,
    lateEpochs: (place) => Math.floor(endMs / EPOCH_MS) - Math.ceil(Number(finalized(place).facts.carried) / SLOTS),
    convicted: (place) =>
      ascending(
        of('engine').flatMap(({ node, name, data }) => (node === place && name === 'offence' ? (data.validators as number[]) : [])),
      ),
    evidence,
    slashed: (place) => ascending(evidence(place).flatMap(convictedBy)),
    chain,
    work,
    deepestReorg: (...places) => Math.max(0, ...of('head').flatMap(({ node, removed }) => (places.includes(node) ? [removed.length] : []))),
  };
}

function ascending(indices: readonly ValidatorIndex[]): ValidatorIndex[] {
  return [...new Set(indices)].sort((a, b) => a - b);
}
