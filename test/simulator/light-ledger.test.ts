/** The light ledger: the order of its work, what it executes to, and what it answers. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { type Hash, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_NONCE, hashHeader } from '../../src/chain/header.ts';
import type { AnyEngine, BuildFields, Reward } from '../../src/consensus/engine.ts';
import { Disk } from '../../src/simulator/disk.ts';
import { DurableChain, LightChain } from '../../src/simulator/light-chain.ts';
import { executeBlock, LightLedger, lightBodyMatches } from '../../src/simulator/light-ledger.ts';
import { LightPool } from '../../src/simulator/light-pool.ts';
import { addressOfAccount, applyTransfer, type Balances, balanceOf, encodeTransfer, mint } from '../../src/simulator/transfers.ts';
import { World } from '../../src/simulator/world.ts';
import { blockWith, childOf, factsOf, GENESIS, GENESIS_STORED, IDLE_ENGINE } from './support.ts';

const EXECUTION_US = 10_000;
const PAY = { from: 0, to: 1, nonce: 0, amount: 10 };
const hashOf = ({ header }: Block): Hash => hashHeader(header);
const code = (expected: string) => expect.objectContaining({ code: expected });

/** The state after these transfers. */
function afterAllOf(state: Balances, ...transfers: (typeof PAY)[]): Balances {
  const balances = state.slice();
  for (const transfer of transfers) applyTransfer(balances, transfer);
  return balances;
}

class Bench {
  readonly world = new World(1);
  readonly log: string[] = [];
  readonly pool = new LightPool();
  readonly chain: LightChain;
  readonly ledger: LightLedger;
  rewards: readonly Reward[] = [];

  constructor() {
    const engine: AnyEngine = { ...IDLE_ENGINE, rewards: () => this.rewards };
    const disk = new Disk(this.world, new Random(1), { writeUs: 1_000 });
    this.chain = new LightChain(new DurableChain(GENESIS_STORED), disk.open({ onError: () => undefined }));
    const note = (line: string) => void this.log.push(line);
    this.ledger = new LightLedger({
      chain: this.chain,
      pool: this.pool,
      engine,
      params: GENESIS.params,
      executionUs: () => EXECUTION_US,
      after: (delayUs, action) => void this.world.after(delayUs, action),
      onBuilt: ({ header }) => note(`built ${header.number}`),
      onInserted: ({ header }) => note(`inserted ${header.number}`),
      onChecked: (_hash, error) => note(`checked ${error?.code ?? 'good'}`),
      onHead: ({ newHead }) => note(`head ${newHead.header.number}`),
      onDurable: ({ header }) => note(`durable ${header.number}`),
      onFinalized: ({ header }) => note(`finalized ${header.number}`),
      onFinalDurable: ({ header }) => note(`final on disk ${header.number}`),
    });
  }

  insert(block: Block): Hash {
    this.ledger.insert(block, factsOf(block.header.number));
    return hashOf(block);
  }

  check(hash: Hash): void {
    this.ledger.check(hash, (error) => this.log.push(`answer ${error?.code ?? 'good'}`));
  }

  build(parent: Hash, fields: Partial<BuildFields> = {}): Block[] {
    const built: Block[] = [];
    const all = {
      timestamp: GENESIS.block.header.timestamp + 5,
      beneficiary: addressOfAccount(4),
      difficulty: 1n,
      mixHash: ZERO_HASH,
      nonce: EMPTY_NONCE,
      payload: new Uint8Array(0),
      ...fields,
    };
    this.ledger.build(parent, all, (block) => {
      this.log.push(block === null ? 'built nothing' : 'answer built');
      if (block !== null) built.push(block);
    });
    return built;
  }

  run(forUs = 1e12): void {
    const untilUs = this.world.nowUs + forUs;
    while (this.world.step(untilUs));
  }
}

const GENESIS_HASH = hashOf(GENESIS.block);
let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('executing', () => {
  it('gives the state that the transfers lead to, and leaves the parent alone', () => {
    const expected = afterAllOf(GENESIS.state, PAY);
    const before = GENESIS.state.slice();
    expect(executeBlock(IDLE_ENGINE, blockWith(GENESIS.block, [PAY], expected), GENESIS.state)).toEqual(expected);
    expect(GENESIS.state).toEqual(before);
  });

  it('pays what the engine gives, after the transfers, to accounts that exist', () => {
    const rewards = [
      { to: addressOfAccount(1), amount: 7n },
      { to: addressOfAccount(200), amount: 9n },
      { to: ZERO_HASH.slice(0, 42) as never, amount: 1n },
    ];
    const expected = afterAllOf(GENESIS.state, PAY);
    mint(expected, 1, 7);
    const engine: AnyEngine = { ...IDLE_ENGINE, rewards: () => rewards };
    const state = executeBlock(engine, blockWith(GENESIS.block, [PAY], expected), GENESIS.state);
    expect(balanceOf(state, 1)).toBe(balanceOf(GENESIS.state, 1) + 17);
  });

  it.each([
    ['transfer/nonce', [{ ...PAY, nonce: 1 }], {}],
    ['transfer/nonce', [PAY, PAY], {}],
    ['transfer/funds', [{ ...PAY, amount: 2_000_000 }], {}],
    ['block/stateRoot', [PAY], { stateRoot: ZERO_HASH }],
    ['block/gasUsed', [PAY], { gasUsed: 1n }],
    ['block/receiptsRoot', [PAY], { receiptsRoot: ZERO_HASH }],
  ])('refuses with %s', (expected, transfers, header) => {
    const state = afterAllOf(GENESIS.state, PAY);
    expect(() => executeBlock(IDLE_ENGINE, blockWith(GENESIS.block, transfers, state, header), GENESIS.state)).toThrowError(code(expected));
  });

  it('knows a body by its header', () => {
    const block = blockWith(GENESIS.block, [PAY], GENESIS.state);
    expect(lightBodyMatches(block)).toBe(true);
    expect(lightBodyMatches({ ...block, transactions: [] })).toBe(false);
    expect(lightBodyMatches({ ...block, transactions: [...block.transactions, ...block.transactions] })).toBe(false);
    expect(lightBodyMatches({ ...block, payload: Uint8Array.of(1) })).toBe(false);
  });
});

describe('LightLedger: checks', () => {
  it('keep a block once', () => {
    const block = childOf(GENESIS.block);
    bench.insert(block);
    bench.insert(block);
    expect(bench.log).toEqual(['inserted 1']);
  });

  it('take virtual time, one after another, and answer each', () => {
    const first = childOf(GENESIS.block);
    const hashes = [first, childOf(first)].map((block) => bench.insert(block));
    for (const hash of hashes) bench.check(hash);
    bench.run(EXECUTION_US);
    expect(bench.log.slice(2)).toEqual(['checked good', 'answer good']);
    bench.run(EXECUTION_US);
    expect(bench.log.slice(4)).toEqual(['checked good', 'answer good']);
    expect(hashes.map((hash) => bench.chain.status(hash))).toEqual(['executed', 'executed']);
  });

  it('mark what does not execute, with all that is on top of it', () => {
    const bad = childOf(GENESIS.block, 0, { stateRoot: ZERO_HASH });
    const [hash, above] = [bad, childOf(bad)].map((block) => bench.insert(block)) as [Hash, Hash];
    bench.check(hash);
    bench.run();
    expect(bench.log.slice(2)).toEqual(['checked block/stateRoot', 'answer block/stateRoot']);
    expect([hash, above].map((one) => bench.chain.status(one))).toEqual(['invalid', 'invalid']);
  });

  it('answer at once for what is executed, without executing it again', () => {
    const hash = bench.insert(childOf(GENESIS.block));
    bench.check(hash);
    bench.check(hash);
    bench.run();
    expect(bench.log).toEqual(['inserted 1', 'checked good', 'answer good', 'answer good']);
  });

  it('of a block whose parent was not executed are a broken contract', () => {
    const first = childOf(GENESIS.block);
    bench.insert(first);
    bench.check(bench.insert(childOf(first)));
    expect(() => bench.run()).toThrowError(code('internal/assertion'));
  });
});

describe('LightLedger: building', () => {
  it('makes a block that executes to what it says, of what waits in the pool', () => {
    bench.pool.add(encodeTransfer(PAY), GENESIS.state);
    bench.rewards = [{ to: addressOfAccount(4), amount: 5n }];
    const payload = Uint8Array.of(1, 2);
    const built = bench.build(GENESIS_HASH, { payload });
    bench.run();
    const [block] = built;
    expect(block?.header).toMatchObject({ parentHash: GENESIS_HASH, number: 1, gasUsed: 21_000n, beneficiary: addressOfAccount(4) });
    expect(block?.transactions).toEqual([encodeTransfer(PAY)]);
    if (block === undefined) return;
    expect(lightBodyMatches(block)).toBe(true);
    bench.check(bench.insert(block));
    bench.run();
    expect(bench.log.at(-1)).toBe('answer good');
    expect(balanceOf(bench.chain.state(hashOf(block)) ?? GENESIS.state, 4)).toBe(balanceOf(GENESIS.state, 4) + 5);
  });

  it('comes after checks, and only the newest wish counts', () => {
    const built = bench.build(GENESIS_HASH, { timestamp: 1_700_000_001 });
    bench.check(bench.insert(childOf(GENESIS.block)));
    bench.build(GENESIS_HASH, { timestamp: 1_700_000_002 });
    bench.run();
    expect(bench.log).toEqual(['inserted 1', 'checked good', 'answer good', 'built 1', 'answer built']);
    expect(built).toEqual([]);
  });

  it('is answered with nothing where the parent is unknown or not executed', () => {
    bench.build(ZERO_HASH);
    bench.run();
    bench.build(bench.insert(childOf(GENESIS.block)));
    bench.run();
    expect(bench.log).toEqual(['built nothing', 'inserted 1', 'built nothing']);
  });

  it('waits for the head to be durable, when the pool has followed it', () => {
    bench.pool.add(encodeTransfer(PAY), GENESIS.state);
    const block = blockWith(GENESIS.block, [PAY], afterAllOf(GENESIS.state, PAY));
    const hash = bench.insert(block);
    bench.check(hash);
    bench.run();
    bench.ledger.setHead(hash, () => bench.log.push('answer head'));
    bench.build(hash);
    expect(bench.pool.size).toBe(1);
    bench.run();
    expect(bench.log.slice(3)).toEqual(['head 1', 'durable 1', 'answer head', 'built 2', 'answer built']);
    expect(bench.pool.size).toBe(0);
  });
});

describe('LightLedger: head and finality', () => {
  it('gives the pool back what an abandoned block held', () => {
    const held = blockWith(GENESIS.block, [PAY], afterAllOf(GENESIS.state, PAY));
    const other = childOf(GENESIS.block, 1);
    for (const block of [held, other]) bench.check(bench.insert(block));
    bench.run();
    bench.ledger.setHead(hashOf(held), () => undefined);
    bench.ledger.setHead(hashOf(other), () => undefined);
    bench.run();
    expect(bench.pool.all()).toEqual(held.transactions);
  });

  it('tells of a finalized block at once, and again when it is durable', () => {
    const hash = bench.insert(childOf(GENESIS.block));
    bench.check(hash);
    bench.run();
    bench.log.length = 0;
    bench.ledger.setHead(hash, () => undefined);
    bench.ledger.finalize(hash, new Uint8Array(0), () => bench.log.push('answer final'));
    expect(bench.log).toEqual(['head 1', 'finalized 1']);
    bench.run();
    expect(bench.log).toEqual(['head 1', 'finalized 1', 'durable 1', 'final on disk 1', 'answer final']);
  });
});
