/** Proof-of-stake's checkers: each is silent about a proper history, and objects to one in which its invariant is broken. */
import { beforeEach, describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import { RuleError } from '../../../src/base/errors.ts';
import type { Hash, NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Facts, HeaderNode, Output } from '../../../src/chain/tree.ts';
import type { Effect, Event } from '../../../src/consensus/engine.ts';
import { encodePayload, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import { proofMessage } from '../../../src/consensus/pos/contract.ts';
import { blockRootAt } from '../../../src/consensus/pos/history.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Attestation, AttestationData, Payload, StakeState, Withdrawal } from '../../../src/consensus/pos/types.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { posBounded } from '../../../src/simulator/checkers/pos-bounds.ts';
import { offencesFound } from '../../../src/simulator/checkers/pos-evidence.ts';
import {
  certificates,
  finalizationRules,
  finalizedMonotone,
  headDescendsFromJustified,
} from '../../../src/simulator/checkers/pos-finality.ts';
import { headIsGhost } from '../../../src/simulator/checkers/pos-ghost.ts';
import { accountableSafety, noHonestSlashable } from '../../../src/simulator/checkers/pos-safety.ts';
import { growthProblem, requests, stakeConservation, withdrawalProblem } from '../../../src/simulator/checkers/pos-stake.ts';
import { deposit, depositorOf } from '../../../src/simulator/subjects/pos-clients.ts';
import { ETHER, StakeChain, signerAt } from '../../consensus/pos/stake-chain.ts';
import { nodeOf } from '../support.ts';
import { type BenchInput, CheckerBench } from './bench.ts';

const VALIDATORS = 8;
const PEER = 'peer' as NodeId;

/** All stake is that of node 0 (even keys) and of node 1 (odd ones). */
function newChain(): StakeChain {
  const validators = Array.from({ length: VALIDATORS }, (_, i) => ({ publicKey: signerAt(i).publicKey, depositor: depositorOf(i % 2) }));
  return new StakeChain(VALIDATORS, { validators });
}

function blockOf({ header, seal, payload }: StakeBlock): Block {
  return { header, seal: encodeSeal(seal), transactions: [], payload: encodePayload(payload) };
}

const genesisOf = (chain: StakeChain): Block => ({ header: chain.genesis, seal: EMPTY, transactions: [], payload: EMPTY });
const factsAt = ({ header, slot }: StakeBlock): Facts => ({ weight: BigInt(header.number), carried: BigInt(slot) });

class PosBench extends CheckerBench {
  constructor(
    factory: CheckerFactory,
    chain: StakeChain,
    input: BenchInput = {},
    state: ConstructorParameters<typeof CheckerBench>[2] = null,
  ) {
    const block = genesisOf(chain);
    const genesis = { block, node: nodeOf(block, { weight: 0n, carried: 0n }), status: 'executed' as const, state: [] };
    super(factory, { ...input, network: { params: chain.rules.params, genesis } }, state);
  }

  get messages(): string[] {
    return this.reports.map(({ message }) => message);
  }

  keep(node: number, ...blocks: readonly StakeBlock[]): HeaderNode[] {
    return blocks.map((block) => this.insert(node, blockOf(block), factsAt(block)));
  }

  step(node: number, event: Event<unknown>, effects: readonly Effect<unknown>[] = []): void {
    this.observe({ type: 'step', node, event, effects });
  }

  final(node: number, block: HeaderNode, certificate: Uint8Array = Uint8Array.of(1, 2, 3, 4)): void {
    this.observe({ type: 'finalized', node, block, certificate });
  }
}

const hashOf = ({ header }: StakeBlock): Hash => hashHeader(header);
const heard = (vote: Attestation): Event<unknown> => ({ type: 'message', from: PEER, message: { type: 'vote', vote } });
const sending = (node: number, vote: Attestation) => ({ type: 'sending', node, message: { type: 'vote', vote } }) as const;

let chain: StakeChain;
let made: StakeBlock[];

beforeEach(() => {
  chain = newChain();
  made = [];
});

/** Blocks in all slots until this one, for which all vote. */
function run(to: number): void {
  while (chain.state.slot < to) made.push(chain.extend());
}

/** Another block of the slot after the head's parent: without votes. */
function siblings(slot: number): [StakeBlock, StakeBlock] {
  const one = chain.draft(slot);
  return [one, chain.seal(slot, one.payload, { gasLimit: 29_999_999n })];
}

/** Two votes of one committee member, for two blocks. */
function twoVotes(): [Attestation, Attestation] {
  run(6);
  const of = (changes: Partial<AttestationData>) => {
    const [vote] = chain.votesFor(chain.state, 6, () => true, changes);
    if (vote === undefined) throw new RangeError('somebody votes in each slot');
    return vote;
  };
  return [of({}), of({ head: blockRootAt(chain.state, 5) })];
}

describe('FinalizationRules', () => {
  it('is silent about blocks that follow the rules, and about what two thirds made final', () => {
    run(20);
    const bench = new PosBench(finalizationRules, chain);
    const nodes = bench.keep(0, ...made);
    bench.follow(0, made.map(blockOf), []);
    expect(chain.state.finalized.epoch).toBe(3);
    bench.final(0, nodes.find(({ hash }) => hash === chain.state.finalized.root) ?? bench.chain(0).genesis);
    expect(bench.messages).toEqual([]);
  });

  it('objects when a block is finalized for which two thirds did not vote in time', () => {
    run(20);
    const bench = new PosBench(finalizationRules, chain);
    const nodes = bench.keep(0, ...made);
    bench.follow(0, made.map(blockOf), []);
    bench.final(0, nodes.at(-1) ?? bench.chain(0).genesis);
    expect(bench.messages).toEqual([expect.stringContaining('by the votes of its chain epoch 3')]);
  });
});

describe('Certificates', () => {
  const objections = (isProof: (hash: Hash, certificate: Uint8Array) => boolean): string[] => {
    const verifyCertificate = (hash: Hash, certificate: Uint8Array) => {
      if (!isProof(hash, certificate)) throw new RuleError('pos/certificate', 'no proof');
    };
    run(2);
    const bench = new PosBench(certificates, chain, { engine: { verifyCertificate } });
    const [first] = bench.keep(0, ...made);
    bench.follow(0, made.map(blockOf), []);
    bench.final(0, first ?? bench.chain(0).genesis);
    return bench.messages;
  };
  const isExact = (bytes: Uint8Array) => bytes.join() === '1,2,3,4';

  it('is silent where a certificate proves one block final, byte for byte', () => {
    expect(objections((hash, bytes) => hash === hashOf(made[0] as StakeBlock) && isExact(bytes))).toEqual([]);
  });

  it('objects to one that proves nothing, one that can be changed, and one that proves more', () => {
    expect(objections(() => false)).toEqual([expect.stringContaining('convinces nobody')]);
    beforeAgain();
    expect(objections((hash) => hash === hashOf(made[0] as StakeBlock))).toEqual([expect.stringContaining('flipped')]);
    beforeAgain();
    expect(objections((_hash, bytes) => isExact(bytes))).toEqual([expect.stringContaining('final as well')]);
  });

  const beforeAgain = () => {
    chain = newChain();
    made = [];
  };
});

describe('FinalizedMonotone', () => {
  it('is silent while what is final descends from what was, and when a crash took back what was not on disk', () => {
    run(3);
    const bench = new PosBench(finalizedMonotone, chain);
    const [a, b] = bench.keep(0, ...made);
    for (const block of [a, b, b]) if (block !== undefined) bench.final(0, block);
    bench.stop(0);
    bench.start(0);
    bench.keep(0, ...made);
    if (a !== undefined) bench.final(0, a);
    expect(bench.messages).toEqual([]);
  });

  it('objects to a block of another branch, and to an older one', () => {
    const [one, other] = siblings(1);
    made = [one, other];
    const bench = new PosBench(finalizedMonotone, chain);
    const [a, b] = bench.keep(0, ...made);
    for (const block of [a, b, bench.chain(0).genesis]) if (block !== undefined) bench.final(0, block);
    expect(bench.messages).toHaveLength(2);
  });
});

describe('HeadDescendsFromJustified', () => {
  it.each([
    [0, 0],
    [1, 1],
  ])('counts whether the head is on the branch of what is justified (%i)', (branch, objections) => {
    const both = siblings(1);
    const justified = { epoch: 1, root: hashOf(both[branch] as StakeBlock) };
    const bench = new PosBench(headDescendsFromJustified, chain, {}, { justified });
    bench.keep(0, both[1]);
    bench.follow(0, [blockOf(both[0])], []);
    expect(bench.messages).toHaveLength(objections);
  });
});

describe('HeadIsGhost', () => {
  const at = (slot: number) => 1_000 * slot;

  /** Node 0 stores and executes two blocks of slot 1, the first of them in time, hears a vote for the second, and takes one for its head. */
  function heads(choose: (timely: Hash, voted: Hash) => readonly [inSlot: Hash, later: Hash]): string[] {
    const [timely, voted] = siblings(1).sort((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1)) as [StakeBlock, StakeBlock];
    const bench = new PosBench(headIsGhost, chain);
    bench.observe({ type: 'started', node: 0, incarnation: 1, chain: bench.chain(0), lsn: 0 as never });
    const take = (block: StakeBlock, head: Hash) => {
      const insert: Effect<unknown> = { type: 'insert', block: blockOf(block), facts: factsAt(block) };
      bench.step(0, { type: 'block', block: blockOf(block), origin: 'gossip', from: PEER, certificate: null }, [insert]);
      bench.keep(0, block);
      bench.step(0, { type: 'checked', hash: hashOf(block), error: null }, [{ type: 'setHead', hash: head }]);
    };
    const [inSlot, later] = choose(hashOf(timely), hashOf(voted));
    bench.nowMs = at(1) + 100;
    bench.step(0, { type: 'timer', id: 'slot' }, [{ type: 'setTimer', id: 'vote', delayMs: 1 }]);
    take(timely, hashOf(timely));
    bench.nowMs = at(1) + 500;
    take(voted, inSlot);
    const state = chain.apply(voted);
    const [vote] = chain.votesFor(state, 1, () => true);
    if (vote !== undefined) bench.step(0, heard(vote));
    bench.nowMs = at(2);
    bench.step(0, { type: 'timer', id: 'slot' }, [
      { type: 'setHead', hash: later },
      { type: 'setTimer', id: 'vote', delayMs: 1 },
    ]);
    return bench.messages;
  }

  it('is silent when a timely block is the head for its slot, and what was voted for after it', () => {
    expect(heads((timely, voted) => [timely, voted])).toEqual([]);
  });

  it('objects to a head that ignores the boost, and to one that ignores votes', () => {
    expect(heads((_timely, voted) => [voted, voted])).toEqual([expect.stringContaining('until slot 1')]);
    expect(heads((timely) => [timely, timely])).toEqual([expect.stringContaining('until slot 2')]);
  });
});

describe('NoHonestSlashable', () => {
  const bench = (bad: readonly number[] = []) => new PosBench(noHonestSlashable, chain, { bad });

  it('is silent about one vote, however often it is sent', () => {
    const [one] = twoVotes();
    const it = bench();
    it.keep(0, ...made);
    it.observe(sending(0, one), sending(1, one));
    expect(it.messages).toEqual([]);
  });

  it('objects to two votes of an honest key, and not to those of others', () => {
    const [one, other] = twoVotes();
    const objections = [[], [0, 1]].map((bad) => {
      const it = bench(bad.slice(0, 1));
      it.keep(1, ...made);
      it.observe(sending(1, one), sending(1, other));
      return it.reports.length;
    });
    const voters = [...one.bits].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect(objections[0]).toBe(voters);
    expect(objections[1]).toBeLessThan(voters);
  });

  it('objects to two blocks of an honest proposer for one slot', () => {
    const it = bench();
    it.keep(0, ...siblings(1));
    expect(it.messages).toEqual([expect.stringContaining('two blocks for slot 1')]);
  });
});

describe('AccountableSafety', () => {
  it('is silent while what nodes finalize is of one branch', () => {
    run(3);
    const bench = new PosBench(accountableSafety, chain);
    const [a, b] = bench.keep(0, ...made);
    bench.keep(1, ...made);
    if (a !== undefined && b !== undefined) {
      bench.final(0, b);
      bench.final(1, a);
    }
    expect(bench.messages).toEqual([]);
  });

  it('objects to two branches that are final with nobody to blame', () => {
    const both = siblings(1);
    const bench = new PosBench(accountableSafety, chain);
    const [a] = bench.keep(0, both[0]);
    const [b] = bench.keep(1, both[1]);
    if (a !== undefined && b !== undefined) {
      bench.final(0, a);
      bench.final(1, b);
    }
    expect(bench.reports).toMatchObject([{ expected: false, message: expect.stringContaining('neither descends from the other') }]);
  });
});

describe('OffencesFound', () => {
  function objections(effects: (validators: readonly number[]) => Effect<unknown>[]): string[] {
    const [one, other] = twoVotes();
    const bench = new PosBench(offencesFound, chain);
    bench.observe({ type: 'started', node: 0, incarnation: 1, chain: bench.chain(0), lsn: 0 as never });
    for (const block of made) {
      const insert: Effect<unknown> = { type: 'insert', block: blockOf(block), facts: factsAt(block) };
      bench.step(0, { type: 'block', block: blockOf(block), origin: 'gossip', from: PEER, certificate: null }, [insert]);
    }
    bench.follow(0, made.map(blockOf), []);
    bench.step(0, heard(one));
    bench.step(0, heard(other), effects(Array.from({ length: VALIDATORS }, (_, index) => index)));
    return bench.messages;
  }

  it('is silent when a contradiction is told, and when the vote is refused', () => {
    expect(objections((validators) => [{ type: 'trace', name: 'offence', data: { validators } }])).toEqual([]);
    chain = newChain();
    made = [];
    expect(objections(() => [{ type: 'ignore' }])).toEqual([]);
  });

  it('objects when two votes of one key are taken and nothing is said', () => {
    const [first] = objections(() => []);
    expect(first).toContain('has signed two votes');
  });
});

describe('StakeConservation', () => {
  it('is silent about a chain of blocks with votes, epochs and a deposit', () => {
    run(5);
    made.push(chain.extend(6, { said: [chain.deposit(VALIDATORS, 40)] }));
    run(24);
    const bench = new PosBench(stakeConservation, chain);
    bench.keep(0, ...made);
    expect(bench.messages).toEqual([]);
  });

  it('objects to a balance that grows by more than it can', () => {
    const { state } = chain;
    const grown = { ...state, balances: state.balances.with(2, (state.balances[2] ?? 0n) + 2n) };
    expect(growthProblem(state, grown, () => 2n)).toBeNull();
    expect(growthProblem(state, grown, () => 1n)).toContain('validator 2');
  });

  const payload = (withdrawals: readonly Withdrawal[]): Payload => ({ ...chain.draft(1).payload, withdrawals });
  const due = (epoch: number): StakeState => ({
    ...chain.state,
    withdrawals: [3],
    validators: chain.state.validators.map((validator) => ({ ...validator, withdrawableEpoch: epoch })),
  });
  const paid = (state: StakeState): StakeState => ({ ...state, balances: state.balances.with(3, 0n) });
  const all: Withdrawal = { validator: 3, to: depositorOf(1), amount: 32n * ETHER };

  it('takes a stake that is paid whole, after the wait, to its depositor', () => {
    expect(withdrawalProblem(payload([all]), due(7), paid(due(7)), 7)).toBeNull();
  });

  it.each<[string, Withdrawal, number, (state: StakeState) => StakeState]>([
    ['before the wait is over', all, 6, paid],
    ['to somebody else', { ...all, to: depositorOf(0) }, 7, paid],
    ['more than there is', { ...all, amount: 33n * ETHER }, 7, paid],
    ['and keeps it', all, 7, (state) => state],
    ['for somebody who did not ask', { ...all, validator: 4 }, 7, paid],
    ['for nobody', { ...all, validator: 99 }, 7, paid],
  ])('objects to a stake that is paid %s', (_what, withdrawal, epoch, after) => {
    expect(withdrawalProblem(payload([withdrawal]), due(7), after(due(7)), epoch)).not.toBeNull();
  });
});

describe('Requests', () => {
  const { publicKey } = signerAt(VALIDATORS);
  const owner = depositorOf(0);
  const by = (key: number): Uint8Array => signerAt(key).sign(proofMessage(1337, owner, publicKey));

  /** The contract says something in block 1, and block 2 repeats something. */
  function objections(said: readonly Output[], repeats: boolean, proof = by(VALIDATORS)): string[] {
    run(1);
    const second = chain.extend(2, { said: repeats ? [chain.deposit(VALIDATORS, 32, owner)] : [] });
    const claimed = second.payload.requests.map((request) => (request.type === 'deposit' ? { ...request, signature: proof } : request));
    const block = { ...blockOf(second), payload: encodePayload({ ...second.payload, requests: claimed }) };
    const bench = new PosBench(requests, chain);
    bench.follow(0, [...made.map(blockOf)], []);
    Object.defineProperty(bench.chain(0), 'outputs', { value: (hash: Hash) => (hash === hashOf(made[0] as StakeBlock) ? said : []) });
    bench.follow(0, [block], []);
    return bench.messages;
  }
  const good = deposit(publicKey, owner, by(VALIDATORS));

  it('is silent when a block repeats what the contract said in its parent', () => {
    expect(objections([good], true)).toEqual([]);
  });

  it('objects to a deposit that nobody made, and to one that is left out', () => {
    expect(objections([], true)).toEqual([expect.stringContaining('nobody made')]);
    chain = newChain();
    made = [];
    expect(objections([good], false)).toEqual([expect.stringContaining('leaves out a deposit')]);
  });

  it('objects to a deposit of a key that nobody has proved to own', () => {
    const rogue = deposit(publicKey, owner, by(0));
    expect(objections([rogue], true, by(0))).toEqual([expect.stringContaining('proof of possession is none')]);
    chain = newChain();
    made = [];
    expect(objections([rogue], false)).toEqual([]);
  });
});

describe('Bounded', () => {
  it.each([
    [512, 0],
    [513, 1],
  ])('holds a node to the bounds that it promises: %i waiting votes', (waitingVotes, objections) => {
    const bench = new PosBench(posBounded, chain, {}, { waitingVotes });
    for (let steps = 0; steps < 64; steps++) bench.step(0, { type: 'timer', id: 'slot' });
    expect(bench.messages).toHaveLength(objections);
  });
});
