/** What the staking contract and the engine refuse, sent as transactions to a real node: each by its own error, and the chain goes on. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Abi, decodeErrorResult, type Hex } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import { encodeOffence } from '../../src/consensus/pos/codec.ts';
import { depositCall, proofMessage, reportCall, STAKING_ADDRESS } from '../../src/consensus/pos/contract.ts';
import { proposalRoot } from '../../src/consensus/pos/signing.ts';
import { blsSigner } from '../../src/wallet/bls.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { uncompressedPublicKey, uncompressedSignature } from '../../src/wallet/validator-points.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { SHIFTED_CLOCK, shiftClock } from '../support/shifted-clock.ts';
import { send } from './contracts.ts';
import { CHAIN_ID, dev, startNode, type TestNode, untilHeight, writeQuickGenesis } from './networks.ts';
import { ask, balanceOf, heightOf, receiptOf, refusal, statusOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS, SLOTS_PER_EPOCH, untilFinal, validatorsOf } from './staking.ts';

const processes = useProcesses(SHIFTED_CLOCK);
const temporary = temporaryDirectories();
const abi = JSON.parse(readFileSync(new URL('../../native/staking/abi.json', import.meta.url), 'utf8')) as Abi;
const VALIDATORS = 4;
const GUILTY = 2;
const ETHER = 10n ** 18n;
const GAS = { gas: 1_000_000n };
/** Of the settings that networks have by default. */
const UNBONDING_EPOCHS = 256;
const SLOT_MS = 1_000;

describe('a network of one staking node', { timeout: 2 * EPOCHS_PATIENCE_MS }, () => {
  const home = temporary();
  const datadir = join(home, 'node');
  const log = join(home, 'node.log');
  const keys = devValidatorKeys(VALIDATORS + 2).map(({ secret }) => blsSigner(secret));
  let start: () => Promise<TestNode>;
  let node: TestNode;
  let genesis: Hash;

  beforeAll(async () => {
    const file = writeQuickGenesis(home, { engine: 'pos', validators: VALIDATORS });
    const { passwordFile } = await createDevValidators(datadir, devValidatorKeys(VALIDATORS));
    const flags = ['--stake', '--validators.password', passwordFile, '--miner.etherbase', dev(9).address, '--log.file', log];
    start = () => startNode(processes, datadir, file, ...flags);
    node = await start();
    genesis = (await statusOf(node.url)).genesis as Hash;
    await untilHeight(node.url, 1);
  });

  const signerAt = (index: number) => {
    const signer = keys[index];
    if (signer === undefined) throw new Error(`There is no key ${index}`);
    return signer;
  };
  /** Of a key without a deposit; the proof is for this depositor. */
  function depositData(depositor: number): string {
    const signer = signerAt(VALIDATORS);
    const proof = signer.sign(proofMessage(CHAIN_ID, dev(depositor).address, signer.publicKey));
    return toHex(depositCall(uncompressedPublicKey(signer.publicKey), uncompressedSignature(proof)));
  }
  async function inBlock(from: number, data: string, value = 0n): Promise<string> {
    const hash = await send(node.url, from, { to: STAKING_ADDRESS, data: data as Hex, value, ...GAS });
    return (await until('it is in a block', () => receiptOf(node.url, hash))).status;
  }
  /** The name of the contract's error. */
  const errorOf = async (from: number, data: string, value: bigint): Promise<string> => {
    const call = { from: dev(from).address, to: STAKING_ADDRESS, data, value: `0x${value.toString(16)}` };
    return decodeErrorResult({ abi, data: (await refusal(node.url, 'eth_call', call, 'latest')).data as Hex }).errorName;
  };

  function evidence(slot: number, digits: readonly [string, string], by = GUILTY): Uint8Array {
    const of = (digit: string) => {
      const block = `0x${digit.repeat(64)}` as Hash;
      const root = proposalRoot({ genesisHash: genesis, chainId: CHAIN_ID }, Math.floor(slot / SLOTS_PER_EPOCH), slot, block);
      return { proposer: GUILTY, slot, block, signature: signerAt(by).sign(root) };
    };
    return encodeOffence({ type: 'proposals', first: of(digits[0]), second: of(digits[1]) });
  }
  /** Sends a report, and waits until the node has logged this reason why it has no effect. */
  async function expectNoEffect(report: Uint8Array, code: string): Promise<void> {
    const paid = await balanceOf(node.url, dev(3).address);
    const lines = () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('has no effect') && line.includes(`code=${code}`));
    const before = lines().length;
    expect(await inBlock(3, toHex(reportCall(report)))).toBe('0x1');
    await until(`a report is refused by ${code}`, () => lines().length > before);
    expect(lines().at(-1)).toContain('type=report');
    // One line a second at most is written.
    await untilHeight(node.url, (await heightOf(node.url)) + 2);
    expect(await balanceOf(node.url, dev(3).address)).toBeLessThan(paid);
  }

  it('takes no deposit with the proof of another depositor, of too little, or twice', async () => {
    const good = depositData(4);
    const revertedWith = async (from: number, value: bigint) => [await errorOf(from, good, value), await inBlock(from, good, value)];
    expect(await revertedWith(5, 32n * ETHER)).toEqual(['BadProof', '0x0']);
    expect(await revertedWith(4, 31n * ETHER)).toEqual(['TooLittle', '0x0']);
    expect(await inBlock(4, good, 32n * ETHER)).toBe('0x1');
    expect(await revertedWith(4, 32n * ETHER)).toEqual(['AlreadyDeposited', '0x0']);
    const key = signerAt(VALIDATORS).publicKey;
    const found = await until('it is in the registry', async () =>
      (await validatorsOf(node.url)).find(({ publicKey }) => publicKey === key),
    );
    expect(found.balance).toBe(String(32n * 10n ** 9n));
  });

  it('slashes nobody by evidence that is none, forged, or the same block twice', async () => {
    await expectNoEffect(Uint8Array.of(0xff), 'decode/rlp');
    await expectNoEffect(evidence(1, ['a', 'b'], 0), 'pos/offence-signature');
    await expectNoEffect(evidence(1, ['a', 'a']), 'pos/offence-same');
    expect((await validatorsOf(node.url)).some(({ slashed }) => slashed)).toBe(false);
  });

  it('slashes once, however often it is told', async () => {
    const before = await balanceOf(node.url, dev(3).address);
    expect(await inBlock(3, toHex(reportCall(evidence(1, ['a', 'b']))))).toBe('0x1');
    const slashed = async () => (await ask<{ slashed: number[] }>(node.url, 'synod_getSlashings')).slashed;
    await until('it is slashed', async () => (await slashed()).includes(GUILTY));
    await until('the reporter is paid', async () => (await balanceOf(node.url, dev(3).address)) > before);
    const { balance } = (await validatorsOf(node.url))[GUILTY] ?? {};
    await expectNoEffect(evidence(1, ['a', 'b']), 'pos/offence-known');
    await expectNoEffect(evidence(2, ['c', 'd']), 'pos/offence-known');
    expect(BigInt((await validatorsOf(node.url))[GUILTY]?.balance ?? 0)).toBeLessThanOrEqual(BigInt(balance ?? 0));
    expect(await slashed()).toEqual([GUILTY]);
  });

  it('slashes nobody for what is older than the unbonding period', async () => {
    expect((await node.process.end('SIGTERM')).code).toBe(0);
    shiftClock(datadir, (UNBONDING_EPOCHS + 1) * SLOTS_PER_EPOCH * SLOT_MS);
    node = await start();
    await untilHeight(node.url, (await heightOf(node.url)) + 1);
    await expectNoEffect(evidence(1, ['a', 'b']), 'pos/offence-stale');
    await untilFinal([node.url], await heightOf(node.url));
    expect((await node.process.end('SIGTERM')).code).toBe(0);
  });
});
