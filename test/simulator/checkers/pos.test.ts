/** Proof-of-stake's checkers: each is silent about a proper history, and objects to one in which its invariant is broken. */
import { beforeEach, describe, expect, it } from 'vitest';
import { RuleError } from '../../../src/base/errors.ts';
import type { Hash, NodeId } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Effect, Event } from '../../../src/consensus/engine.ts';
import { blockRootAt } from '../../../src/consensus/pos/history.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Attestation, AttestationData } from '../../../src/consensus/pos/types.ts';
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
import type { StakeChain } from '../../consensus/pos/stake-chain.ts';
import { blockOf, factsAt, newChain, PosBench, VALIDATORS } from './pos-bench.ts';

const PEER = 'peer' as NodeId;

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
