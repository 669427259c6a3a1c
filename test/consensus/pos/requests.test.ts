/** What the staking contract says: each request with an effect, and each reason to have none by its own code. */
import { describe, expect, it } from 'vitest';
import { encodeOffence } from '../../../src/consensus/pos/codec.ts';
import { applyRequest, effectiveRequests, type Requested } from '../../../src/consensus/pos/requests.ts';
import { MAX_REPORTS } from '../../../src/consensus/pos/settings.ts';
import type { Offence, Request, StakeState } from '../../../src/consensus/pos/types.ts';
import { codeOf, depositorAt, ETHER, StakeChain, signerAt, someHash } from './stake-chain.ts';

const chain = new StakeChain(8);
chain.run(21);
const STRANGER = depositorAt(77);
const REPORTER = depositorAt(99);

const exit = (key: number, sender = depositorAt(key)): Request => ({ type: 'exit', publicKey: signerAt(key).publicKey, sender });
const withdraw = (key: number, sender = depositorAt(key)): Request => ({ type: 'withdraw', publicKey: signerAt(key).publicKey, sender });
const topUp = (key: number, ether: number): Request => ({
  type: 'topUp',
  publicKey: signerAt(key).publicKey,
  amount: BigInt(ether) * ETHER,
});

function evidence(proposer: number): Offence {
  return { type: 'proposals', first: chain.proposal(proposer, 20, someHash(1)), second: chain.proposal(proposer, 20, someHash(2)) };
}

function report(proposer: number): Request {
  return { type: 'report', evidence: encodeOffence(evidence(proposer)), reporter: REPORTER };
}

function apply(requests: readonly Request[], state: StakeState = chain.state): Requested {
  return requests.reduce<Requested>((done, request) => applyRequest(chain.rules, done, request, 0), { state, rewards: [] });
}

describe('consensus/pos requests', () => {
  it('makes a validator of a deposit, and tops it up by anybody', () => {
    const { state } = apply([chain.deposit(20, 40), topUp(20, 3)]);
    expect(state.validators[8]).toMatchObject({ publicKey: signerAt(20).publicKey, depositor: depositorAt(20) });
    expect(state.balances[8]).toBe(43n * ETHER);
  });

  it('takes a second deposit of a key for a top-up, whatever it says', () => {
    const second = { ...chain.deposit(3, 1), depositor: STRANGER } as Request;
    const { state } = apply([second]);
    expect(state.validators).toBe(chain.state.validators);
    expect((state.balances[3] ?? 0n) - (chain.state.balances[3] ?? 0n)).toBe(ETHER);
  });

  it('starts an exit and remembers a wish to withdraw', () => {
    const { state } = apply([exit(3), withdraw(3), withdraw(5)]);
    expect(state.validators[3]?.exitEpoch).toBe(chain.epoch + 2);
    expect(state.withdrawals).toEqual([3, 5]);
  });

  it('slashes by a report and owes the reporter seven eighths of the reward', () => {
    const { state, rewards } = apply([report(4)]);
    expect(state.validators[4]?.slashed).toBe(true);
    expect(rewards).toEqual([{ validator: 4, to: REPORTER, amount: (((32n * ETHER) / 512n) * 7n) / 8n }]);
  });

  it.each<[string, readonly Request[]]>([
    ['pos/deposit-amount', [chain.deposit(20, 31)]],
    ['pos/deposit-proof', [{ ...chain.deposit(20, 32), depositor: STRANGER } as Request]],
    ['pos/deposit-proof', [{ ...chain.deposit(20, 32), signature: new Uint8Array(96) } as Request]],
    ['pos/topup-unknown', [topUp(20, 1)]],
    ['pos/topup-amount', [topUp(2, 0)]],
    ['pos/exit-unknown', [exit(20)]],
    ['pos/exit-sender', [exit(2, STRANGER)]],
    ['pos/exit-known', [exit(2), exit(2)]],
    ['pos/withdraw-unknown', [withdraw(20)]],
    ['pos/withdraw-sender', [withdraw(2, STRANGER)]],
    ['pos/withdraw-known', [withdraw(2), withdraw(2)]],
    ['pos/offence-known', [report(4), report(4)]],
    [
      'pos/offence-same',
      [{ type: 'report', evidence: encodeOffence({ ...evidence(4), second: evidence(4).first } as Offence), reporter: REPORTER }],
    ],
    ['decode/rlp', [{ type: 'report', evidence: new Uint8Array([0xff]), reporter: REPORTER }]],
    ['decode/length', [{ type: 'report', evidence: new Uint8Array(65_536), reporter: REPORTER }]],
  ])('%s', (code, requests) => {
    expect(codeOf(() => apply(requests))).toBe(code);
  });

  it('refuses to withdraw where nothing is, and a report with a forged signature', () => {
    const empty = { ...chain.state, balances: chain.state.balances.with(2, 0n) };
    expect(codeOf(() => apply([withdraw(2)], empty))).toBe('pos/withdraw-empty');
    const forged = { ...evidence(4), first: { ...evidence(4).first, signature: new Uint8Array(96) } } as Offence;
    const request: Request = { type: 'report', evidence: encodeOffence(forged), reporter: REPORTER };
    expect(codeOf(() => apply([request]))).toBe('pos/offence-signature');
  });

  it('has room for 16 reports in a block', () => {
    const crowded: Requested = {
      state: chain.state,
      rewards: Array.from({ length: MAX_REPORTS }, () => ({ validator: 1, to: REPORTER, amount: 1n })),
    };
    expect(codeOf(() => applyRequest(chain.rules, crowded, report(4), 0))).toBe('pos/report-crowded');
  });

  it('looks at 16 reports of a block, however false, and at no more', () => {
    const broken: Request = { type: 'report', evidence: new Uint8Array([0xff]), reporter: REPORTER };
    const flood = Array.from({ length: MAX_REPORTS - 1 }, () => broken);
    expect(effectiveRequests(chain.rules, chain.at(22), [...flood, report(4), exit(2)])).toEqual([report(4), exit(2)]);
    expect(effectiveRequests(chain.rules, chain.at(22), [...flood, broken, report(4), exit(2)])).toEqual([exit(2)]);
  });

  it('leaves out what has no effect, in the order in which it was said', () => {
    const said = [exit(2, STRANGER), exit(2), topUp(20, 1), chain.deposit(20, 32), topUp(20, 1), exit(2), report(4), report(4), report(5)];
    const state = chain.at(22);
    const effective = effectiveRequests(chain.rules, state, said);
    expect(effective).toEqual([said[1], said[3], said[4], said[6], said[8]]);
    const refused: [string, string][] = [];
    effectiveRequests(chain.rules, state, said, ({ type }, { code }) => refused.push([type, code]));
    expect(refused).toEqual([
      ['exit', 'pos/exit-sender'],
      ['topUp', 'pos/topup-unknown'],
      ['exit', 'pos/exit-known'],
      ['report', 'pos/offence-known'],
    ]);
  });
});
