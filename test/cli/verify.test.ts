/** `synod verify` against nodes that are honest, and against each kind of liar. The chain is signed with real keys. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import { encodeLightBlock, type LightBlock } from '../../src/chain/light-block.ts';
import { registerVerify } from '../../src/cli/verify.ts';
import { decodeState, encodeState } from '../../src/consensus/pos/state-codec.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { BLS_KEYS } from '../../src/simulator/real/keys.ts';
import { followed } from '../consensus/pos/followed.ts';
import { depositorAt, GENESIS_TIME, StakeChain } from '../consensus/pos/stake-chain.ts';
import { blockOf, of, type World } from '../consensus/pos/world.ts';
import { type Outcome, runCommand } from './run-command.ts';
import { type Answers, fakeNode } from './wallet-support.ts';

const SLOTS = 4;
const HEIGHT = SLOTS * 6 + 2;
const FINAL = SLOTS * 4;
const VALIDATORS = 4;
const REFUSED = { code: -32000, message: 'not at hand' };

const directory = mkdtempSync(join(tmpdir(), 'synod-verify-'));
const genesisFile = join(directory, 'genesis.json');

/** What honest nodes have. */
let node: World;
let stake: StakeChain;

async function makeChain(chainId: number): Promise<{ stake: StakeChain; document: object }> {
  const validators = Array.from({ length: VALIDATORS }, (_, i) => ({
    publicKey: BLS_KEYS.signer(0, i).publicKey,
    depositor: depositorAt(i),
    stakeEther: 32,
  }));
  const forks = { londonBlock: 0, mergeNetsplitBlock: 0, shanghaiTime: 0, cancunTime: 0, pragueTime: 0 };
  const engine = { name: 'pos', slotSeconds: 1, slotsPerEpoch: SLOTS, validators };
  const document = { config: { chainId, engine, ...forks }, alloc: {}, gasLimit: '0x1c9c380', timestamp: GENESIS_TIME };
  const { block } = await buildGenesis(parseGenesis(document));
  return { stake: new StakeChain(VALIDATORS, {}, { keys: BLS_KEYS, genesis: block.header }), document };
}

beforeAll(async () => {
  vi.useFakeTimers({ now: (GENESIS_TIME + HEIGHT + 1) * 1_000, toFake: ['Date'] });
  const made = await makeChain(1337);
  writeFileSync(genesisFile, JSON.stringify(made.document));
  stake = made.stake;
  node = followed(stake, HEIGHT);
});

afterAll(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true });
});

function hashAt(number: number): Hash {
  return present(node.chain.canonical(number), `block ${number}`);
}

function blockAt(number: number): LightBlock {
  return present(node.chain.block(hashAt(number)), `block ${number}`);
}

function certificateOf(hash: Hash): string | null {
  const effect = node.all('finalize').find((each) => each.hash === hash);
  return effect === undefined ? null : toHex(effect.certificate);
}

function stateBefore(hash: string): string {
  const effects = node.step({ type: 'admin', request: 1, command: { name: 'getState', arguments: { block: hash } } });
  const state = of(effects, 'reply')[0]?.result;
  if (typeof state !== 'string') throw REFUSED;
  return state;
}

/** What an honest node answers. Each liar replaces some of it. */
function honest(): Answers {
  const named = (name: string): number => ({ latest: HEIGHT, finalized: FINAL })[name] ?? Number(name);
  const numbers = (from: number, count: number) =>
    Array.from({ length: Math.max(0, Math.min(count, HEIGHT - from + 1)) }, (_, i) => from + i);
  return {
    eth_getBlockByNumber: (name: string) => ({ number: `0x${named(name).toString(16)}`, hash: hashAt(named(name)) }),
    synod_getLightBlock: (hash: Hash) => {
      const block = node.chain.block(hash);
      return block === undefined ? null : toHex(encodeLightBlock(block));
    },
    synod_getLightBlocks: (from: number, count: number) => numbers(from, count).map((number) => toHex(encodeLightBlock(blockAt(number)))),
    synod_getConsensusState: stateBefore,
    synod_getCertificate: certificateOf,
  };
}

/** A node that serves another block at this height. */
function withBlock(number: number, block: LightBlock): Answers {
  const answers = honest();
  const range = answers.synod_getLightBlocks as (from: number, count: number) => string[];
  return {
    ...answers,
    synod_getLightBlocks: (from: number, count: number) =>
      range(from, count).map((bytes, i) => (from + i === number ? toHex(encodeLightBlock(block)) : bytes)),
  };
}

async function verify(answers: Answers, ...args: string[]): Promise<Outcome> {
  const { url } = await fakeNode(answers);
  return runCommand(registerVerify, 'verify', '--rpc', url, '--genesis', genesisFile, ...args);
}

/** The code of the error that a verification from genesis ends with. */
async function codeFor(answers: Answers, ...args: string[]): Promise<string> {
  const { exitCode, stderr } = await verify(answers, ...(args.includes('--checkpoint') ? [] : ['--checkpoint', 'genesis']), ...args);
  expect(exitCode, stderr).toBe(1);
  return /\[([a-z/-]+)\]\s*$/.exec(stderr)?.[1] ?? stderr;
}

describe('synod verify', () => {
  it('proves from genesis which block is final, and the certificate that the node has', async () => {
    const { exitCode, stdout, stderr } = await verify(honest(), '--checkpoint', 'genesis', '--json');
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      checkpoint: { number: 0 },
      head: { number: HEIGHT, hash: hashAt(HEIGHT) },
      finalized: { number: FINAL, hash: hashAt(FINAL), epoch: FINAL / SLOTS, timestamp: GENESIS_TIME + FINAL },
      certified: { number: FINAL },
      block: null,
    });
  });

  it('proves it from a final block that the node has the state of', async () => {
    const { exitCode, stdout } = await verify(honest(), '--checkpoint', hashAt(FINAL - SLOTS));
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`finalized   ${FINAL}  ${hashAt(FINAL)}`);
    expect(stdout).toContain(`certificate of block ${FINAL}: good`);
  });

  it('computes the state of an older one from genesis', async () => {
    const { exitCode, stdout } = await verify(honest(), '--checkpoint', hashAt(7), '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ checkpoint: { number: 7 }, finalized: { number: FINAL } });
  });

  it('says of a block whether it is final, above the checkpoint and below it', async () => {
    for (const number of [3, FINAL - SLOTS, FINAL - 1, FINAL]) {
      const { exitCode, stdout } = await verify(honest(), '--checkpoint', hashAt(FINAL - SLOTS), '--block', hashAt(number));
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`block       ${number}  ${hashAt(number)}  is final`);
    }
    expect(await codeFor(honest(), '--block', hashAt(FINAL + 1))).toBe('verify/not-final');
    expect(await codeFor(honest(), '--block', `0x${'ab'.repeat(32)}`)).toBe('verify/no-block');
  });

  it('bears a change of branch near the head while it reads', async () => {
    const rival = new StakeChain(VALIDATORS, {}, { keys: BLS_KEYS, genesis: stake.genesis });
    rival.run(HEIGHT - 2);
    const left = toHex(encodeLightBlock(blockOf(rival.extend(HEIGHT))));
    const range = honest().synod_getLightBlocks as (from: number, count: number) => string[];
    let reads = 0;
    // At first the last block but one is another branch's, which ends there.
    const changing = (from: number, count: number) => (++reads === 1 ? [...range(1, HEIGHT - 2), left] : range(from, count));
    const { exitCode, stdout } = await verify({ ...honest(), synod_getLightBlocks: changing }, '--checkpoint', 'genesis', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout).head.hash).toBe(hashAt(HEIGHT));
  });

  it('warns when the newest block is old', async () => {
    vi.setSystemTime((GENESIS_TIME + HEIGHT + 100) * 1_000);
    const { exitCode, stderr } = await verify(honest(), '--checkpoint', 'genesis');
    vi.setSystemTime((GENESIS_TIME + HEIGHT + 1) * 1_000);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('100 s old');
  });
});

describe('synod verify: a node that lies', () => {
  it('with a forged payload', async () => {
    expect(await codeFor(withBlock(9, { ...blockAt(9), payload: blockAt(10).payload }))).toBe('verify/false-block');
  });

  it('with a forged signature', async () => {
    expect(await codeFor(withBlock(9, { ...blockAt(9), seal: blockAt(10).seal }))).toBe('verify/false-block');
  });

  it('with a forged state', async () => {
    const forge = (hash: string) => {
      const state = decodeState(fromHex(stateBefore(hash)));
      return toHex(encodeState({ ...state, balances: state.balances.map((balance) => balance * 2n) }));
    };
    const at = ['--checkpoint', hashAt(FINAL - SLOTS)];
    expect(await codeFor({ ...honest(), synod_getConsensusState: forge }, ...at)).toBe('verify/state');
    expect(await codeFor({ ...honest(), synod_getConsensusState: '0xc0' }, ...at)).toBe('verify/state');
  });

  it('with another block for the checkpoint', async () => {
    const answers = { ...honest(), synod_getLightBlock: toHex(encodeLightBlock(blockAt(5))) };
    expect(await codeFor(answers, '--checkpoint', hashAt(FINAL - SLOTS))).toBe('verify/checkpoint');
    expect(await codeFor({ ...answers, synod_getLightBlock: null }, '--checkpoint', hashAt(FINAL))).toBe('verify/checkpoint');
  });

  it('with a truncated chain', async () => {
    const range = honest().synod_getLightBlocks as (from: number, count: number) => string[];
    const truncated = (from: number, count: number) => range(from, count).slice(0, Math.max(0, 11 - from));
    expect(await codeFor({ ...honest(), synod_getLightBlocks: truncated })).toBe('verify/truncated');
  });

  it('with the same blocks again and again', async () => {
    const range = honest().synod_getLightBlocks as (from: number, count: number) => string[];
    expect(await codeFor({ ...honest(), synod_getLightBlocks: () => range(1, 4) })).toBe('verify/truncated');
  });

  it('of another network', async () => {
    const answers = { ...honest(), eth_getBlockByNumber: { number: '0x0', hash: `0x${'11'.repeat(32)}` } };
    expect(await codeFor(answers)).toBe('verify/network');
    // One that claims our genesis and serves its own blocks.
    const foreign = new StakeChain(
      VALIDATORS,
      { churnQuotient: 7 },
      { keys: BLS_KEYS, genesis: { ...stake.genesis, gasLimit: 20_000_000n } },
    );
    const blocks = Array.from({ length: HEIGHT }, () => toHex(encodeLightBlock(blockOf(foreign.extend()))));
    const lying = { ...honest(), synod_getLightBlocks: (from: number, count: number) => blocks.slice(from - 1, from - 1 + count) };
    expect(await codeFor(lying)).toBe('verify/truncated');
  });

  it('about what is final', async () => {
    const claiming = (number: number, hash = hashAt(number)) => {
      const usual = honest().eth_getBlockByNumber as (name: string) => unknown;
      return {
        ...honest(),
        eth_getBlockByNumber: (name: string) => (name === 'finalized' ? { number: `0x${number.toString(16)}`, hash } : usual(name)),
      };
    };
    expect(await codeFor(claiming(FINAL + 1))).toBe('verify/unproven');
    expect(await codeFor(claiming(HEIGHT + 50, hashAt(FINAL)))).toBe('verify/unproven');
    expect(await codeFor(claiming(FINAL, hashAt(FINAL - 1)))).toBe('verify/conflict');
    const certificate = certificateOf(hashAt(FINAL - SLOTS));
    expect(await codeFor({ ...honest(), synod_getCertificate: certificate })).toBe('verify/certificate');
    expect(await codeFor({ ...claiming(FINAL + SLOTS), synod_getCertificate: '0x01' })).toBe('verify/certificate');
  });

  it('about what lies below the checkpoint', async () => {
    const range = honest().synod_getLightBlocks as (from: number, count: number) => string[];
    const gap = (from: number, count: number) => (from < FINAL - SLOTS ? range(from, count).filter((_, i) => i !== 1) : range(from, count));
    const args = ['--checkpoint', hashAt(FINAL - SLOTS), '--block', hashAt(3)];
    expect(await codeFor({ ...honest(), synod_getLightBlocks: gap }, ...args)).toBe('verify/false-block');
  });

  it.each([
    ['text', 'nonsense'],
    ['blocks that are none', ['0x00']],
    ['more blocks than were asked for', Array.from({ length: 300 }, () => '0x')],
  ])('with %s for an answer', async (_, answer) => {
    expect(await codeFor({ ...honest(), synod_getLightBlocks: answer })).toBe('rpc/bad-reply');
  });

  it('with numbers that are none', async () => {
    expect(await codeFor({ ...honest(), eth_getBlockByNumber: { number: -1, hash: hashAt(0) } })).toBe('rpc/bad-reply');
    expect(await codeFor({ ...honest(), eth_getBlockByNumber: 7 })).toBe('rpc/bad-reply');
  });
});

describe('synod verify: a checkpoint', () => {
  it('that is older than the weak-subjectivity period proves nothing', async () => {
    vi.setSystemTime((GENESIS_TIME + 257 * SLOTS) * 1_000);
    const code = await codeFor(honest());
    vi.setSystemTime((GENESIS_TIME + HEIGHT + 1) * 1_000);
    expect(code).toBe('verify/old-checkpoint');
  });

  it('must be a hash, of a network of proof-of-stake', async () => {
    expect((await verify(honest(), '--checkpoint', '0x12')).exitCode).toBe(2);
    expect((await verify(honest())).exitCode).toBe(2);
    const file = join(directory, 'work.json');
    writeFileSync(
      file,
      JSON.stringify({ config: { chainId: 1, engine: { name: 'pow' } }, alloc: {}, gasLimit: 30_000_000, difficulty: 1 }),
    );
    const { exitCode, stderr } = await verify(honest(), '--checkpoint', 'genesis', '--genesis', file);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('arguments/engine');
  });
});
