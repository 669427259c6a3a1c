/** Blocks: what they do to the state, what proposers fill in, and each broken rule by its code. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { InternalError, RuleError } from '../../../src/base/errors.ts';
import type { Signatures, SignedBy } from '../../../src/base/signatures.ts';
import { decodePayload, encodeOffence, encodePayload } from '../../../src/consensus/pos/codec.ts';
import { dutiesOf, proposerOf } from '../../../src/consensus/pos/committees.ts';
import { processSlots } from '../../../src/consensus/pos/epochs.ts';
import { blockRootAt } from '../../../src/consensus/pos/history.ts';
import { slash } from '../../../src/consensus/pos/offences.ts';
import type { PosRules } from '../../../src/consensus/pos/rules.ts';
import { stateRoot } from '../../../src/consensus/pos/state-codec.ts';
import { prevRandao, processBlock, type StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Attestation, Offence, Payload, Request, StakeState } from '../../../src/consensus/pos/types.ts';
import { codeOf, depositorAt, ETHER, StakeChain, someHash } from './stake-chain.ts';

const WRONG = new Uint8Array(96);

function chainAt(slot: number, count = 8): StakeChain {
  const chain = new StakeChain(count);
  chain.run(slot);
  return chain;
}

function voteOf(chain: StakeChain): Attestation {
  return present(chain.waiting[0], 'a vote');
}

function evidence(chain: StakeChain, proposer: number): Offence {
  const slot = chain.state.slot - 1;
  return { type: 'proposals', first: chain.proposal(proposer, slot, someHash(1)), second: chain.proposal(proposer, slot, someHash(2)) };
}

/** Somebody who does not propose in this slot. */
function bystander(chain: StakeChain, slot: number): number {
  return proposerOf(chain.rules.settings, chain.at(slot), slot) === 1 ? 2 : 1;
}

/** What a block of the next slot with this change of its payload is refused with. */
function refused(chain: StakeChain, change: (payload: Payload) => Payload): string | undefined {
  const slot = chain.state.slot + 1;
  return codeOf(() => chain.apply(chain.seal(slot, change(chain.draft(slot).payload), {})));
}

describe('consensus/pos transition: a block', () => {
  it('finalizes while everybody votes, and nobody loses', () => {
    const chain = chainAt(4 * 6);
    expect([chain.state.currentJustified.epoch, chain.state.finalized.epoch]).toEqual([5, 4]);
    expect(chain.state.balances.every((balance) => balance >= 32n * ETHER)).toBe(true);
  });

  it('leaves its hash as the last block, in its slot', () => {
    const chain = chainAt(5);
    const block = chain.extend(7);
    expect(chain.state.slot).toBe(7);
    expect(blockRootAt(chain.state, 7)).toBe(chain.state.block);
    expect(blockRootAt(chain.state, 6)).toBe(block.header.parentHash);
  });

  it('changes nothing of the state that it was applied to', () => {
    const chain = chainAt(11);
    const root = stateRoot(chain.state);
    const copy = structuredClone(chain.state);
    chain.apply(chain.draft(12, { offences: [evidence(chain, 3)], said: [chain.deposit(20, 32)] }));
    expect(chain.state).toEqual(copy);
    expect(stateRoot(structuredClone(chain.state))).toBe(root);
  });

  it('leads to the same state with and without looking at its signatures, and from an encoding', () => {
    const chain = chainAt(9);
    const block = chain.draft(10, { said: [chain.deposit(20, 32)] });
    const decoded = { ...block, payload: decodePayload(encodePayload(block.payload)) };
    expect(chain.apply(decoded, true)).toEqual(chain.apply(block, false));
    expect(codeOf(() => chain.apply({ ...block, seal: { ...block.seal, signature: WRONG } }, false))).toBeUndefined();
  });

  it('carries votes that come one epoch late, and drafts leave out those that come later', () => {
    const chain = chainAt(9);
    const late = voteOf(chain);
    chain.waiting = [];
    chain.extend(15);
    expect(chain.draft(15 + 1, { attestations: [late] }).payload.attestations).toEqual([]);
    const other = chainAt(9);
    other.extend(10, { attestations: [] });
    expect(other.draft(14, { attestations: [late] }).payload.attestations).toEqual([late]);
  });

  it('drafts leave out what a block may not carry, and votes that are counted already', () => {
    const chain = chainAt(9);
    const vote = voteOf(chain);
    const wrong = { ...vote, data: { ...vote.data, committee: 7 } };
    const offence = evidence(chain, 3);
    const block = chain.draft(10, { attestations: [wrong, ...Array.from({ length: 200 }, () => vote)], offences: [offence, offence] });
    expect(block.payload.attestations).toHaveLength(1);
    expect(block.payload.offences).toEqual([offence]);
    expect(codeOf(() => chain.apply(block))).toBeUndefined();
  });

  it('drafts leave out evidence that was signed by whoever has the place on another branch', () => {
    const chain = chainAt(9);
    const offence = evidence(chain, 3);
    const [first, second] = [someHash(1), someHash(2)].map((block) => ({ ...chain.proposal(4, chain.state.slot - 1, block), proposer: 3 }));
    const foreign: Offence = { type: 'proposals', first: present(first, 'a proposal'), second: present(second, 'a proposal') };
    const block = chain.draft(10, { offences: [foreign, offence] });
    expect(block.payload.offences).toEqual([offence]);
    expect(codeOf(() => chain.apply(block))).toBeUndefined();
  });
});

describe('consensus/pos transition: broken rules', () => {
  const chain = chainAt(11);
  const { rules } = chain;

  it.each<[string, (payload: Payload) => Payload]>([
    ['pos/state-root', (payload) => ({ ...payload, parentState: someHash(1) })],
    ['pos/voters', (payload) => ({ ...payload, votersRoot: someHash(1) })],
    ['pos/randao', (payload) => ({ ...payload, randaoReveal: WRONG })],
    [
      'pos/attestation-signature',
      (payload) => ({ ...payload, attestations: payload.attestations.map((each) => ({ ...each, signature: WRONG })) }),
    ],
    [
      'pos/attestation-bits',
      (payload) => ({ ...payload, attestations: payload.attestations.map((each) => ({ ...each, bits: new Uint8Array(1) })) }),
    ],
    [
      'pos/attestation-source',
      (payload) => ({
        ...payload,
        attestations: payload.attestations.map((each) => ({ ...each, data: { ...each.data, source: { epoch: 0, root: someHash(3) } } })),
      }),
    ],
    [
      'pos/offence-signature',
      (payload) => ({
        ...payload,
        offences: [{ ...evidence(chain, 3), second: { ...evidence(chain, 3).second, signature: WRONG } } as Offence],
      }),
    ],
    ['pos/offence-known', (payload) => ({ ...payload, offences: [evidence(chain, 3), evidence(chain, 3)] })],
    [
      'pos/exit-unknown',
      (payload) => ({ ...payload, requests: [{ type: 'exit', publicKey: `0x${'00'.repeat(48)}`, sender: depositorAt(1) }] }),
    ],
    ['pos/withdrawals', (payload) => ({ ...payload, withdrawals: [{ validator: 1, to: depositorAt(1), amount: 32n * ETHER }] })],
  ])('%s', (code, change) => {
    expect(refused(chain, change)).toBe(code);
  });

  it('pos/slot: not above the parent', () => {
    const block = chain.draft(12);
    expect(codeOf(() => chain.apply({ ...block, slot: 11 }))).toBe('pos/slot');
    expect(codeOf(() => chain.apply({ ...block, slot: 3 }))).toBe('pos/slot');
  });

  it('pos/mix: another mixHash', () => {
    expect(codeOf(() => chain.apply(chain.seal(12, chain.draft(12).payload, { mixHash: someHash(1) })))).toBe('pos/mix');
  });

  it('pos/proposer: out of turn; pos/signature: by another key', () => {
    const block = chain.draft(12);
    expect(codeOf(() => chain.apply({ ...block, seal: { ...block.seal, proposer: (block.seal.proposer + 1) % 8 } }))).toBe('pos/proposer');
    expect(codeOf(() => chain.apply({ ...block, seal: { ...block.seal, signature: WRONG } }))).toBe('pos/signature');
    const elsewhere: PosRules = { ...rules, params: { ...rules.params, chainId: 1 } };
    expect(codeOf(() => processBlock(elsewhere, chain.state, block, { verify: true }))).toBe('pos/signature');
  });

  it('pos/proposer-slashed: the slot of an offender stays empty', () => {
    const proposer = present(proposerOf(rules.settings, chain.at(12), 12), 'a proposer');
    const block = chain.draft(12);
    const slashed = slash(rules.settings, chain.state, proposer, 0, false).state;
    expect(codeOf(() => processBlock(rules, slashed, block, { verify: true }))).toBe('pos/proposer-slashed');
  });

  it('pos/no-validators: nobody is left', () => {
    const gone = { ...chain.state, validators: chain.state.validators.map((each) => ({ ...each, exitEpoch: 1 })) };
    expect(codeOf(() => processBlock(rules, gone, chain.draft(12), { verify: true }))).toBe('pos/no-validators');
  });

  it('stops when it is given another parent than the header names: that is our own fault', () => {
    expect(() => processBlock(rules, chain.at(10), { ...chain.draft(12), header: chain.genesis }, { verify: true })).toThrow(InternalError);
  });

  it('names the right signature among many, and checks all at once when all are good', () => {
    const calls: number[] = [];
    const counting: Signatures = {
      ...rules.signatures,
      verifyAll: (signed: readonly SignedBy[]) => {
        calls.push(signed.length);
        return rules.signatures.verifyAll(signed);
      },
      verify: () => expect.unreachable('not one by one'),
    };
    processBlock({ ...rules, signatures: counting }, chain.state, chain.draft(12, { offences: [evidence(chain, 3)] }), { verify: true });
    expect(calls).toEqual([1 + 1 + 2 + chain.waiting.length]);
  });

  it('throws nothing but rules that were broken, whatever a payload says', () => {
    const number = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
    const checkpoint = fc.record({ epoch: number, root: fc.constantFrom(someHash(1), chain.state.finalized.root) });
    const data = fc.record({ slot: number, committee: number, head: fc.constant(someHash(1)), source: checkpoint, target: checkpoint });
    const signature = fc.constant(WRONG);
    const indexed = fc.record({ data, indices: fc.array(number, { maxLength: 4 }), signature });
    const proposal = fc.record({ proposer: number, slot: number, block: fc.constantFrom(someHash(1), someHash(2)), signature });
    const hostile: fc.Arbitrary<Partial<Payload>> = fc.record(
      {
        attestations: fc.array(fc.record({ data, bits: fc.uint8Array({ maxLength: 3 }), signature }), { maxLength: 2 }),
        offences: fc.array(
          fc.oneof(
            fc.record({ type: fc.constant('proposals' as const), first: proposal, second: proposal }),
            fc.record({ type: fc.constant('votes' as const), first: indexed, second: indexed }),
          ),
          { maxLength: 2 },
        ),
        withdrawals: fc.array(fc.record({ validator: number, to: fc.constant(depositorAt(1)), amount: fc.bigInt({ min: 0n, max: 10n }) }), {
          maxLength: 2,
        }),
      },
      { requiredKeys: [] },
    );
    const { payload } = chain.draft(12);
    fc.assert(
      fc.property(hostile, (changes) => {
        const block: StakeBlock = chain.seal(12, { ...payload, ...changes }, {});
        try {
          chain.apply(block);
        } catch (error) {
          expect(error).toBeInstanceOf(RuleError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('consensus/pos transition: stake', () => {
  const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, each) => all + each, 0n);

  it('takes a deposit in, activates it two epochs later, and lets it propose and vote', () => {
    const chain = chainAt(9);
    chain.extend(10, { said: [chain.deposit(20, 32)] });
    expect(chain.state.validators[8]?.activationEpoch).toBe(4);
    const activeIn = (state: StakeState, epoch: number): boolean => dutiesOf(chain.rules.settings, state, epoch).active.includes(8);
    expect([activeIn(chain.at(15), 3), activeIn(chain.at(16), 4)]).toEqual([false, true]);
    chain.run(60);
    expect(chain.state.balances[8]).toBeGreaterThan(32n * ETHER);
    expect(chain.state.finalized.epoch).toBe(13);
  });

  it('gives the whole stake back to the depositor, in the first block after it is due', () => {
    const chain = chainAt(9);
    const index = bystander(chain, 10);
    const { publicKey, depositor } = present(chain.state.validators[index], 'a validator');
    const said: Request[] = [
      { type: 'exit', publicKey, sender: depositor },
      { type: 'withdraw', publicKey, sender: depositor },
    ];
    chain.extend(10, { said });
    const due = present(chain.state.validators[index]?.withdrawableEpoch, 'an epoch');
    expect(due).toBe(4 + chain.rules.settings.unbondingEpochs);
    chain.run(20);
    chain.waiting = [];
    expect(chain.extend(due * 4 - 1).payload.withdrawals).toEqual([]);
    chain.waiting = [];
    const stake = chain.at(due * 4).balances[index] ?? 0n;
    const { payload } = chain.extend(due * 4);
    expect(payload.withdrawals).toEqual([{ validator: index, to: depositor, amount: stake }]);
    expect([chain.state.balances[index], chain.state.withdrawals]).toEqual([0n, []]);
    expect(chain.extend().payload.withdrawals).toEqual([]);
  });

  it('slashes by evidence in a block, and pays a reporter in the block that carries the report', () => {
    const chain = chainAt(9);
    const victim = bystander(chain, 10);
    const report: Request = { type: 'report', evidence: encodeOffence(evidence(chain, victim)), reporter: depositorAt(99) };
    const { payload } = chain.extend(10, { said: [report] });
    expect(payload.withdrawals).toEqual([{ validator: victim, to: depositorAt(99), amount: (((32n * ETHER) / 512n) * 7n) / 8n }]);
    expect(chain.state.validators[victim]?.slashed).toBe(true);
    expect(chain.draft(11, { offences: [evidence(chain, victim)] }).payload.offences).toEqual([]);
    expect(chain.draft(11).payload.withdrawals).toEqual([]);
  });

  it('goes on finalizing without those who were slashed', () => {
    const chain = chainAt(9, 6);
    const { seal } = chain.draft(10);
    const victims = [0, 1, 2, 3, 4, 5].filter((index) => index !== seal.proposer).slice(0, 2);
    chain.extend(10, { offences: victims.map((index) => evidence(chain, index)), votes: (index) => !victims.includes(index) });
    for (let slot = 11; slot < 48; slot++) {
      const proposer = present(proposerOf(chain.rules.settings, chain.at(slot), slot), 'a proposer');
      if (!chain.at(slot).validators[proposer]?.slashed) chain.extend(slot, { votes: (index) => !victims.includes(index) });
    }
    expect(chain.epoch - chain.state.finalized.epoch).toBeLessThanOrEqual(2);
  });

  it('mixes each reveal, so that PREVRANDAO differs from block to block', () => {
    const chain = chainAt(3);
    const mixes = [4, 5, 6, 7].map((slot) => {
      const mix = prevRandao(chain.rules, chain.at(slot));
      chain.extend(slot);
      return mix;
    });
    expect(new Set(mixes).size).toBe(4);
  });

  it('neither makes nor loses stake within an epoch but by deposits, withdrawals, penalties and the proposer’s rewards', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('deposit', 'topUp', 'report', 'nothing'), { minLength: 3, maxLength: 3 }), (kinds) => {
        const chain = chainAt(12);
        for (const [i, kind] of kinds.entries()) {
          const slot = chain.state.slot + 1;
          const victim = (present(proposerOf(chain.rules.settings, chain.at(slot), slot), 'a proposer') + 1 + i) % 8;
          const said: Request[] = [];
          if (kind === 'deposit') said.push(chain.deposit(20 + i, 40));
          if (kind === 'topUp')
            said.push({ type: 'topUp', publicKey: present(chain.state.validators[3], 'a validator').publicKey, amount: 5n * ETHER });
          if (kind === 'report') said.push({ type: 'report', evidence: encodeOffence(evidence(chain, victim)), reporter: depositorAt(9) });
          const before = chain.state;
          const { payload, seal } = chain.extend(slot, { said });
          const [was, is] = [sum(before.balances), sum(chain.state.balances)];
          const deposited = sum(payload.requests.map((each) => (each.type === 'deposit' || each.type === 'topUp' ? each.amount : 0n)));
          const wasSlashed = payload.requests.some((each) => each.type === 'report');
          const lost = wasSlashed ? ETHER : 0n;
          const gained = (chain.state.balances[seal.proposer] ?? 0n) - (before.balances[seal.proposer] ?? 0n);
          const toppedUp = seal.proposer === 3 && kind === 'topUp' ? 5n * ETHER : 0n;
          expect(is - was).toBe(deposited - lost + gained - toppedUp);
          expect(gained).toBeGreaterThan(0n);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('leaks the stake of those who stay away until the others can finalize, and not of the others', () => {
    const away = (index: number): boolean => index >= 3;
    const chain = new StakeChain(5, { leakQuotient: 256 });
    const { settings } = chain.rules;
    let finalizedIn = 0;
    for (let slot = 1; finalizedIn === 0 && slot < 400; slot++) {
      const proposer = present(proposerOf(settings, processSlots(settings, chain.state, slot), slot), 'a proposer');
      if (away(proposer)) chain.skip(slot, (index) => !away(index));
      else chain.extend(slot, { votes: (index) => !away(index) });
      if (chain.state.finalized.epoch > 0) finalizedIn = chain.epoch;
    }
    expect(finalizedIn).toBeGreaterThan(10);
    const stayed = chain.state.validators.slice(0, 3).map(({ effectiveBalance }) => effectiveBalance);
    expect(stayed.every((balance) => balance >= 31n * ETHER)).toBe(true);
    const total = dutiesOf(settings, chain.state, chain.epoch).activeBalance;
    expect(sum(stayed) * 3n).toBeGreaterThanOrEqual(total * 2n);
  });
});
