/** Proof-of-stake's checkers of stake, of duties and of clocks: silent about what is proper, and objecting to what is not. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Output } from '../../../src/chain/tree.ts';
import type { Effect } from '../../../src/consensus/engine.ts';
import { encodePayload } from '../../../src/consensus/pos/codec.ts';
import { proofMessage } from '../../../src/consensus/pos/contract.ts';
import { slash } from '../../../src/consensus/pos/offences.ts';
import { encodeRecord } from '../../../src/consensus/pos/records.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import { type Payload, type StakeState, TIMELY_TARGET, type Validator, type Withdrawal } from '../../../src/consensus/pos/types.ts';
import { silentAfterJump } from '../../../src/simulator/checkers/pos-clock.ts';
import { dutiesExact } from '../../../src/simulator/checkers/pos-duties.ts';
import { changeProblem, leak, leakProblem, registryRules, slashingProblem } from '../../../src/simulator/checkers/pos-registry.ts';
import { growthProblem, requests, stakeConservation, withdrawalProblem } from '../../../src/simulator/checkers/pos-stake.ts';
import { deposit, depositorOf } from '../../../src/simulator/subjects/pos-clients.ts';
import { ETHER, type StakeChain, signerAt, someHash } from '../../consensus/pos/stake-chain.ts';
import { blockOf, newChain, PosBench, VALIDATORS } from './pos-bench.ts';

const hashOf = ({ header }: StakeBlock): Hash => hashHeader(header);

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

describe('RegistryRules, Leak and DutiesExact', () => {
  it.each([registryRules, leak, dutiesExact])('are silent about a chain that goes on, also without finality (%#)', (factory) => {
    run(6);
    made.push(chain.extend(7, { said: [chain.deposit(VALIDATORS, 40)] }));
    run(24);
    const votes = (index: number) => index > 3;
    while (chain.state.slot < 56) made.push(chain.extend(chain.state.slot + 1, { votes }));
    expect(chain.state.epochsSinceFinality).toBeGreaterThan(4);
    const bench = new PosBench(factory, chain);
    bench.keep(0, ...made);
    expect(bench.messages).toEqual([]);
  });
});

describe('RegistryRules', () => {
  const settings = { unbondingEpochs: 10 };
  const changed = (change: Partial<Validator>): StakeState => {
    const { validators } = chain.state;
    return { ...chain.state, validators: validators.map((each, index) => (index === 2 ? { ...each, ...change } : each)) };
  };

  it('takes a validator that leaves after two epochs, and waits', () => {
    expect(changeProblem(settings, chain.state, changed({ exitEpoch: 5, withdrawableEpoch: 15 }), 3)).toBeNull();
  });

  it.each<[string, Partial<Validator>]>([
    ['leaves too soon', { exitEpoch: 4, withdrawableEpoch: 15 }],
    ['does not wait', { exitEpoch: 5, withdrawableEpoch: 14 }],
  ])('objects to one that %s', (_what, change) => {
    expect(changeProblem(settings, chain.state, changed(change), 3)).toContain('validator 2');
  });

  it('objects to one that enters too soon', () => {
    const { validators } = chain.state;
    const newcomer = (activationEpoch: number): StakeState => ({
      ...chain.state,
      validators: [...validators, { ...(validators[0] as Validator), activationEpoch }],
    });
    expect(changeProblem(settings, chain.state, newcomer(5), 3)).toBeNull();
    expect(changeProblem(settings, chain.state, newcomer(4), 3)).toContain('enters in epoch 4');
  });

  it('takes a slashing, and objects to a second one, and to one that costs nothing', () => {
    const { state } = slash(chain.rules.settings, chain.state, 2, 5, false);
    expect(slashingProblem(chain.state, state, 5)).toBeNull();
    expect(slashingProblem(state, slash(chain.rules.settings, state, 2, 5, false).state, 5)).toContain('not slashed before');
    expect(slashingProblem(chain.state, { ...state, balances: chain.state.balances }, 5)).toContain('validator 2 is slashed and keeps');
  });
});

describe('Leak', () => {
  const settings = { leakAfterEpochs: 4, leakQuotient: 4096n };
  /** Validator 2 has voted right in everything, or in nothing, and gains or loses. */
  const problem = (flags: number, change: bigint, since: number): string | null => {
    const before = {
      ...chain.state,
      previousParticipation: chain.state.previousParticipation.map((_, index) => (index === 2 ? flags : TIMELY_TARGET)),
    };
    return leakProblem(settings, before, { ...before, balances: before.balances.with(2, 32n * ETHER + change) }, 9, since);
  };
  const LOSS = (32n * ETHER * 5n) / 4096n;

  it('takes gains while things become final, and losses while they do not', () => {
    expect(problem(7, 1n, 4)).toBeNull();
    expect(problem(0, -1n, 4)).toBeNull();
    expect(problem(7, 0n, 5)).toBeNull();
    expect(problem(0, -LOSS, 5)).toBeNull();
  });

  it('objects to a leak that has not begun, is too small, or goes on', () => {
    expect(problem(7, 1n, 5)).toContain('gains');
    expect(problem(0, 1n - LOSS, 5)).toContain('must lose');
    expect(problem(7, 0n, 4)).toContain('whose vote was right');
  });
});

describe('DutiesExact', () => {
  it('objects to a reveal that has served before', () => {
    run(1);
    const [first] = made as [StakeBlock];
    const { validators } = chain.state;
    // The next epoch in which the same validator proposes.
    while (chain.draft(chain.state.slot + 1).seal.proposer !== first.seal.proposer || chain.state.slot < 4) made.push(chain.extend());
    const slot = chain.state.slot + 1;
    const again = chain.draft(slot, {}, (payload) => ({ ...payload, randaoReveal: first.payload.randaoReveal }));
    expect(validators).toHaveLength(VALIDATORS);
    const bench = new PosBench(dutiesExact, chain);
    bench.keep(0, ...made, again);
    expect(bench.messages).toEqual([expect.stringContaining(`the reveal of validator ${first.seal.proposer} is the one of epoch 0`)]);
  });
});

describe('SilentAfterJump', () => {
  const record = encodeRecord({ type: 'proposal', key: signerAt(0).publicKey, slot: 3, block: someHash(1) });
  const signing: Effect<unknown> = { type: 'persist', lsn: 1 as never, records: [record] };

  /** The clock of a node that runs for a second jumps, and so long after that it signs. */
  function objections(jumpMs: number, afterMs: number): string[] {
    const bench = new PosBench(silentAfterJump, chain);
    const tick = () => bench.step(0, { type: 'timer', id: 'slot' });
    tick();
    bench.nowMs = 1_000;
    tick();
    bench.wallOffsetMs = jumpMs;
    tick();
    bench.nowMs += afterMs;
    bench.step(0, { type: 'timer', id: 'slot' }, [signing]);
    return bench.messages;
  }

  it('is silent when two epochs have passed, or the step was small', () => {
    expect(objections(5_000, 8_000)).toEqual([]);
    expect(objections(-400, 0)).toEqual([]);
  });

  it.each([5_000, -5_000])('objects to a signature soon after a jump of %i ms', (jumpMs) => {
    expect(objections(jumpMs, 4_000)).toEqual([expect.stringContaining('Signs a proposal 4000 ms after its clock jumped')]);
  });
});
