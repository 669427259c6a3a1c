/** Rules of chains that were made elsewhere: difficulty, rewards, headers field by field, and what the engine does with blocks. */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import { RuleError, UsageError } from '../../../src/base/errors.ts';
import { Address, type Hash, Lsn, NodeId, ZERO_ADDRESS, ZERO_HASH } from '../../../src/base/types.ts';
import { blobBaseFee, nextExcessBlobGas } from '../../../src/chain/blobs.ts';
import type { Block } from '../../../src/chain/block.ts';
import { encodeForeignBody, foreignBody } from '../../../src/chain/foreign-body.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../../src/chain/header.ts';
import type { ChainParams, Fork } from '../../../src/chain/params.ts';
import type { ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { Context, Event } from '../../../src/consensus/engine.ts';
import { expectedDifficulty } from '../../../src/consensus/replay/difficulty.ts';
import { createReplay } from '../../../src/consensus/replay/engine.ts';
import { creditsOf } from '../../../src/consensus/replay/rewards.ts';
import { checkUncles, verifyHeader } from '../../../src/consensus/replay/rules.ts';
import { parseSettings } from '../../../src/consensus/replay/settings.ts';
import { FORKCHOICE } from '../../../src/consensus/replay/step.ts';

const MINER = Address(`0x${'11'.repeat(20)}`);
const UNCLE_MINER = Address(`0x${'22'.repeat(20)}`);
const ETHER = 10n ** 18n;
const BLOBS = { time: 0, target: 3, max: 6, updateFraction: 3_338_477 };

function header(fields: Partial<Header> = {}): Header {
  return {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: MINER,
    stateRoot: EMPTY_TRIE_ROOT,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: 131_072n,
    number: 1,
    gasLimit: 8_000_000n,
    gasUsed: 0n,
    timestamp: 10,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    ...fields,
  };
}

function node(of: Header): HeaderNode {
  return { header: of, hash: hashHeader(of), seal: EMPTY, facts: { weight: of.difficulty, carried: 0n } };
}

function paramsAt(fork: Fork): ChainParams {
  return { chainId: 1, genesisHash: ZERO_HASH, forks: [{ fork, block: 0 }], engine: { name: 'replay', settings: {} }, blobs: [BLOBS] };
}

const rulesAt = (fork: Fork) => ({ params: paramsAt(fork), settings: parseSettings({}) });

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RuleError || error instanceof UsageError) return error.code;
    throw error;
  }
  return 'none';
}

describe('difficulty', () => {
  const BIG = 10n ** 12n;
  const STEP = BIG / 2_048n;

  // From mainnet's own formulas: seconds since the parent, the fork, uncles of the parent, the factor of the step.
  it.each([
    [12, 'frontier', false, 1n],
    [13, 'frontier', false, -1n],
    [9, 'homestead', false, 1n],
    [10, 'homestead', false, 0n],
    [2_000, 'homestead', false, -99n],
    [8, 'byzantium', false, 1n],
    [9, 'byzantium', false, 0n],
    [9, 'byzantium', true, 1n],
    [2_000, 'byzantium', true, -99n],
  ] as const)('after %i s under %s (uncles: %s) moves by %i steps', (seconds, fork, hasUncles, factor) => {
    const parent = header({ difficulty: BIG, timestamp: 100, unclesHash: hasUncles ? ZERO_HASH : EMPTY_UNCLES_HASH });
    expect(expectedDifficulty(100 + seconds, parent, fork, parseSettings({}))).toBe(BIG + factor * STEP);
  });

  it('never falls below its minimum', () => {
    expect(expectedDifficulty(5_000, header({ timestamp: 0 }), 'byzantium', parseSettings({}))).toBe(131_072n);
  });

  it('has a bomb, which upgrades put off', () => {
    const parent = header({ number: 9_199_999, timestamp: 100 });
    const at = (fork: Fork, settings: Parameters<typeof parseSettings>[0] = {}) =>
      expectedDifficulty(109, parent, fork, parseSettings(settings));
    expect(at('homestead')).toBe(131_072n + 64n + 2n ** 90n);
    expect(at('byzantium')).toBe(131_072n + 2n ** 60n);
    expect(at('istanbul')).toBe(131_072n + 2n ** 40n);
    expect(at('istanbul', { muirGlacierBlock: 9_200_000 })).toBe(131_072n + 1n);
    expect(at('london')).toBe(131_072n);
  });
});

describe('credits', () => {
  const uncle = header({ number: 4, beneficiary: UNCLE_MINER });
  const mined = { header: header({ number: 6, unclesHash: ZERO_HASH }), payload: encodeForeignBody({ uncles: [uncle], withdrawals: [] }) };

  it.each([
    ['homestead', 5n],
    ['byzantium', 3n],
    ['constantinople', 2n],
  ] as const)('are under %s %i ether, with shares for uncles', (fork, ether) => {
    expect(creditsOf(mined, [{ fork, block: 0 }])).toEqual([
      { to: UNCLE_MINER, amount: (ether * ETHER * 6n) / 8n },
      { to: MINER, amount: ether * ETHER + (ether * ETHER) / 32n },
    ]);
  });

  it('are what is withdrawn after the merge, and nothing for nothing', () => {
    const withdrawal = { index: 0n, validatorIndex: 5n, address: MINER, amountGwei: 7n };
    const withdrawals = [withdrawal, { ...withdrawal, address: UNCLE_MINER, amountGwei: 0n }];
    const block = {
      header: header({ difficulty: 0n, withdrawalsRoot: ZERO_HASH }),
      payload: encodeForeignBody({ uncles: [], withdrawals }),
    };
    expect(foreignBody(block).withdrawals).toEqual(withdrawals);
    expect(creditsOf(block, [{ fork: 'shanghai', time: 0 }])).toEqual([{ to: MINER, amount: 7n * 10n ** 9n }]);
  });
});

describe('headers', () => {
  const parent = node(header({ number: 0, timestamp: 0 }));
  const child = header({ parentHash: parent.hash });

  it('are taken with their difficulty as weight', () => {
    expect(verifyHeader(rulesAt('homestead'), child, parent)).toEqual({ weight: 131_072n + 131_072n + 1n, carried: 0n });
  });

  it.each([
    ['parentHash', { parentHash: ZERO_HASH }],
    ['number', { number: 2 }],
    ['timestamp', { timestamp: 0 }],
    ['gasUsed', { gasUsed: 8_000_001n }],
    ['gasLimit', { gasLimit: 9_000_000n }],
    ['difficulty', { difficulty: 131_073n }],
    ['baseFeePerGas', { baseFeePerGas: 7n }],
    ['withdrawalsRoot', { withdrawalsRoot: EMPTY_TRIE_ROOT }],
  ] as const)('with a wrong %s are refused', (field, fields) => {
    expect(codeOf(() => verifyHeader(rulesAt('homestead'), { ...child, ...fields }, parent))).toBe(`header/${field}`);
  });

  const merged = node(
    header({ number: 0, timestamp: 0, difficulty: 0n, baseFeePerGas: 1_000n, blobGasUsed: 786_432n, excessBlobGas: 393_216n }),
  );
  const modern = header({
    parentHash: merged.hash,
    difficulty: 0n,
    baseFeePerGas: 875n,
    withdrawalsRoot: EMPTY_TRIE_ROOT,
    blobGasUsed: 131_072n,
    excessBlobGas: 786_432n,
    parentBeaconBlockRoot: ZERO_HASH,
    requestsHash: ZERO_HASH,
  });

  it('after prague are taken with all their fields', () => {
    expect(verifyHeader(rulesAt('prague'), modern, merged).weight).toBe(1n);
  });

  it.each([
    ['difficulty', { difficulty: 1n }],
    ['nonce', { nonce: '0x0000000000000001' }],
    ['unclesHash', { unclesHash: ZERO_HASH }],
    ['baseFeePerGas', { baseFeePerGas: 876n }],
    ['blobGasUsed', { blobGasUsed: 1n }],
    ['blobGasUsed', { blobGasUsed: 7n * 131_072n }],
    ['excessBlobGas', { excessBlobGas: 0n }],
  ] as const)('after prague with a wrong %s are refused', (field, fields) => {
    expect(codeOf(() => verifyHeader(rulesAt('prague'), { ...modern, ...fields }, merged))).toBe(`header/${field}`);
  });

  it('under london may double the gas limit once', () => {
    const first = { ...child, gasLimit: 16_000_000n, baseFeePerGas: 1_000_000_000n };
    expect(codeOf(() => verifyHeader(rulesAt('london'), first, parent))).toBe('none');
    expect(codeOf(() => verifyHeader(rulesAt('london'), { ...first, gasLimit: 8_000_000n }, parent))).toBe('header/gasLimit');
  });
});

describe('uncles', () => {
  const line = [node(header({ number: 0, timestamp: 0 }))];
  for (let number = 1; number <= 9; number++) {
    const parent = line.at(-1) as HeaderNode;
    line.push(node(header({ number, timestamp: 10 * number, parentHash: parent.hash })));
  }
  const ancestors = { get: (hash: Hash) => line.find((one) => one.hash === hash) };
  const tip = line.at(-1) as HeaderNode;
  const block = header({ number: 10, timestamp: 100, parentHash: tip.hash });
  const siblingOf = (index: number) => ({ ...(line[index] as HeaderNode).header, beneficiary: UNCLE_MINER });
  const check = (uncle: Header) => codeOf(() => checkUncles(rulesAt('homestead'), block, [uncle], ancestors));

  it('are siblings of the last six ancestors, with a header that holds', () => {
    expect([9, 8, 5, 4].map((index) => check(siblingOf(index)))).toEqual(['none', 'none', 'none', 'none']);
    expect(check(siblingOf(3))).toBe('block/uncle');
    expect(check((line[8] as HeaderNode).header)).toBe('block/uncle');
    expect(check({ ...block, beneficiary: UNCLE_MINER })).toBe('block/uncle');
    expect(check({ ...siblingOf(8), difficulty: 1n })).toBe('header/difficulty');
  });
});

describe('the price of blobs', () => {
  // EIP-4844's formula at points that can be checked by hand: no excess costs 1, and e times the fraction about e.
  it.each([
    [0n, 1n],
    [2_314_057n, 1n],
    [2_314_058n, 2n],
    [10n * 3_338_477n, 22_026n],
  ])('with an excess of %i is %i', (excess, price) => {
    expect(blobBaseFee(excess, BLOBS)).toBe(price);
  });

  it('has a floor under osaka (EIP-7918)', () => {
    const parent = header({ baseFeePerGas: 10n ** 9n, blobGasUsed: 4n * 131_072n, excessBlobGas: 0n });
    expect(nextExcessBlobGas(parent, BLOBS, false)).toBe(131_072n);
    expect(nextExcessBlobGas(parent, BLOBS, true)).toBe((4n * 131_072n * 3n) / 6n);
  });
});

describe('the engine', () => {
  const genesis = node(header({ number: 0, timestamp: 0 }));
  const child = header({ parentHash: genesis.hash });
  const block: Block = { header: child, seal: EMPTY, payload: EMPTY, transactions: [] };
  const nodeSettings = { beneficiary: ZERO_ADDRESS, produce: false, signers: [] };
  const engine = createReplay(paramsAt('homestead'), nodeSettings, {} as never);
  const known = new Map([genesis, node(child)].map((one) => [one.hash, one]));
  const chain = { ...({} as ChainView), head: genesis, finalized: genesis, get: (hash: Hash) => known.get(hash) };
  const self = NodeId('self');

  function play(event: Event<never>, status: 'executed' | undefined): readonly { readonly type: string }[] {
    const context: Context = { self, nowMs: 0, wallMs: 0, random: () => 0, chain: { ...chain, status: () => status } };
    return engine.step(engine.init(context), event, context);
  }

  const arrives = (origin: 'local' | 'gossip'): Event<never> => ({ type: 'block', block, origin, from: self, certificate: null });

  it('takes blocks of this machine only', () => {
    expect(play(arrives('local'), undefined).map(({ type }) => type)).toEqual(['insert', 'check']);
    expect(play(arrives('gossip'), undefined)).toEqual([{ type: 'ignore' }]);
  });

  it('blames this machine for a block that breaks a rule', () => {
    const wrong = { ...block, header: { ...child, difficulty: 1n } };
    const [effect] = play({ ...arrives('local'), block: wrong } as Event<never>, undefined);
    expect(effect).toMatchObject({ type: 'offence', from: self, error: { code: 'header/difficulty' } });
  });

  it('says head, safe and final block when it is told', () => {
    const hash = hashHeader(child);
    const command = { name: FORKCHOICE, arguments: { head: hash, safe: hash, finalized: genesis.hash } };
    const effects = play({ type: 'admin', request: 1, command }, 'executed');
    expect(effects.map(({ type }) => type)).toEqual(['setHead', 'persist', 'reply']);
    expect(effects[1]).toMatchObject({ lsn: Lsn(1) });
  });

  it.each([
    ['replay/forkchoice', { name: FORKCHOICE, arguments: { head: ZERO_HASH, safe: ZERO_HASH, finalized: ZERO_HASH } }],
    ['replay/forkchoice', { name: FORKCHOICE, arguments: {} }],
    ['replay/forkchoice', { name: FORKCHOICE, arguments: { head: genesis.hash, safe: hashHeader(child), finalized: genesis.hash } }],
    ['admin/unknown-command', { name: 'miner_start', arguments: {} }],
  ])('refuses with %s what makes no sense', (code, command) => {
    const effects = play({ type: 'admin', request: 1, command }, 'executed');
    expect(effects).toMatchObject([{ type: 'reply', result: { code } }]);
  });

  it('cannot be made to produce', () => {
    expect(codeOf(() => createReplay(paramsAt('homestead'), { ...nodeSettings, produce: true }, {} as never))).toBe('replay/read-only');
  });
});
