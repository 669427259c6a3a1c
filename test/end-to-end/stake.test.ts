/** Proof-of-stake on real processes: finality, what takes it away and brings it back, stake that comes, goes and is lost. */
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { describe, expect, it } from 'vitest';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import { encodeOffence } from '../../src/consensus/pos/codec.ts';
import { depositCall, exitCall, proofMessage, reportCall, STAKING_ADDRESS } from '../../src/consensus/pos/contract.ts';
import { proposalRoot } from '../../src/consensus/pos/signing.ts';
import { blsSigner } from '../../src/wallet/bls.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { send } from './contracts.ts';
import { CHAIN_ID, dev, Testnet } from './networks.ts';
import { ask, balanceOf, receiptOf, statusOf } from './rpc.ts';
import {
  checkpointsOf,
  EPOCHS_PATIENCE_MS,
  epochOf,
  expectFinalitySoon,
  finalOf,
  participationOf,
  SLOTS_PER_EPOCH,
  untilEpoch,
  untilFinal,
  validatorsOf,
} from './staking.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const ALL = [0, 1, 2, 3];
const ETHER = 10n ** 18n;
/** Has nothing at genesis. */
const RECIPIENT = `0x${'57a4'.repeat(10)}` as const;
const GAS = { gas: 1_000_000n };

function uncompressed(signer: ReturnType<typeof blsSigner>, message: Uint8Array): { key: Uint8Array; proof: Uint8Array } {
  const key = bls12_381.G1.Point.fromBytes(fromHex(signer.publicKey)).toAffine();
  const proof = bls12_381.G2.Point.fromBytes(signer.sign(message)).toAffine();
  return {
    key: concatBytes(bigToFixed(key.x, 64), bigToFixed(key.y, 64)),
    proof: concatBytes(...[proof.x.c0, proof.x.c1, proof.y.c0, proof.y.c1].map((value) => bigToFixed(value, 64))),
  };
}

describe('a network of validators', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  let net: Testnet;

  it('makes payments final', async () => {
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    const hash = await send(net.url(1), 0, { to: RECIPIENT, value: ETHER });
    const receipt = await until('the payment is in a block', () => receiptOf(net.url(2), hash));
    await untilFinal(net.urls(...ALL), Number(receipt.blockNumber));
    for (const url of net.urls(...ALL)) {
      expect(await balanceOf(url, RECIPIENT)).toBe(ETHER);
      const { safe, finalized, head } = await statusOf(url);
      expect(finalized.number).toBeLessThanOrEqual(safe.number);
      expect(safe.number).toBeLessThan(head.number);
    }
    const { finalized } = await statusOf(net.url(0));
    expect(await ask(net.url(0), 'synod_getCertificate', finalized.hash)).toMatch(/^0x[0-9a-f]{100,}$/);
  });

  it('finalizes nothing while it is cut in halves, and all of it once it is joined', async () => {
    await net.control('partition', [
      [0, 1],
      [2, 3],
    ]);
    const url = net.url(0);
    const cut = await epochOf(url);
    await untilEpoch(url, cut + 3);
    const stuck = await finalOf(url);
    await untilEpoch(url, cut + 5);
    expect(await finalOf(url)).toBe(stuck);
    expect((await statusOf(url)).head.hash).not.toBe((await statusOf(net.url(2))).head.hash);
    await net.control('heal');
    await expectFinalitySoon(net.urls(...ALL), stuck);
    await net.agreement(ALL, stuck + 1);
  });

  it('goes on with a quarter of its validators killed, waits for half, and loses nobody to slashing', async () => {
    const url = net.url(0);
    await net.control('kill', 3);
    await untilFinal(net.urls(0, 1, 2), (await finalOf(url)) + 2 * SLOTS_PER_EPOCH);
    await until('three quarters vote', async () => (await participationOf(url)).share === 3 / 4, EPOCHS_PATIENCE_MS);
    await net.control('kill', 2);
    const cut = await epochOf(url);
    await untilEpoch(url, cut + 3);
    const stuck = await finalOf(url);
    await untilEpoch(url, cut + 5);
    expect(await finalOf(url)).toBe(stuck);
    expect((await participationOf(url)).share).toBeLessThanOrEqual(1 / 2);
    await Promise.all([2, 3].map((index) => net.control('restart', index)));
    await expectFinalitySoon(net.urls(...ALL), stuck);
    await until('all vote again', async () => (await participationOf(url)).share === 1, EPOCHS_PATIENCE_MS);
    for (const each of net.urls(...ALL)) expect((await validatorsOf(each)).filter(({ slashed }) => slashed)).toEqual([]);
  });

  it('slashes whoever signed two blocks for a slot, on the evidence of anybody', async () => {
    const url = net.url(0);
    const { genesis } = await statusOf(url);
    const [, , , , , guilty] = devValidatorKeys(6);
    if (guilty === undefined) throw new Error('No sixth key');
    const signer = blsSigner(guilty.secret);
    const validator = (await validatorsOf(url)).find(({ publicKey }) => publicKey === signer.publicKey);
    if (validator === undefined) throw new Error('The sixth key is no validator');
    const { slot } = await checkpointsOf(url);
    const epoch = Math.floor(slot / SLOTS_PER_EPOCH);
    const chain = { genesisHash: genesis, chainId: CHAIN_ID };
    const proposal = (digit: string) => {
      const block = `0x${digit.repeat(64)}` as Hash;
      return { proposer: validator.index, slot, block, signature: signer.sign(proposalRoot(chain, epoch, slot, block)) };
    };
    const evidence = encodeOffence({ type: 'proposals', first: proposal('a'), second: proposal('b') });
    const before = await balanceOf(url, dev(3).address);
    const hash = await send(url, 3, { to: STAKING_ADDRESS, data: toHex(reportCall(evidence)), ...GAS });
    expect(await until('the report is in a block', () => receiptOf(url, hash))).toMatchObject({ status: '0x1' });
    await until('the validator is slashed', async () => {
      const { slashed } = await ask<{ slashed: number[] }>(url, 'synod_getSlashings');
      return slashed.includes(validator.index);
    });
    const after = (await validatorsOf(url))[validator.index];
    expect(after?.slashed).toBe(true);
    expect(BigInt(after?.balance ?? 0)).toBeLessThan(BigInt(validator.balance));
    // The reporter has a share that is more than the gas of the report.
    await until('the reporter is paid', async () => (await balanceOf(url, dev(3).address)) > before);
    await untilFinal(net.urls(...ALL), (await statusOf(url)).head.number);
  });

  it('takes in whoever deposits, and lets the depositor exit', async () => {
    const url = net.url(0);
    const [key] = devValidatorKeys(1, 20);
    if (key === undefined) throw new Error('No such key');
    const signer = blsSigner(key.secret);
    const { key: point, proof } = uncompressed(signer, proofMessage(CHAIN_ID, dev(4).address, signer.publicKey));
    const deposit = await send(url, 4, { to: STAKING_ADDRESS, value: 32n * ETHER, data: toHex(depositCall(point, proof)), ...GAS });
    expect(await until('the deposit is in a block', () => receiptOf(url, deposit))).toMatchObject({ status: '0x1' });
    const joined = async () => (await validatorsOf(url)).find(({ publicKey }) => publicKey === signer.publicKey);
    const validator = await until('the validator is in the registry', joined);
    expect(validator.activationEpoch).toBeGreaterThanOrEqual((await epochOf(url)) + 1);
    await until('the validator is active', async () => (await joined())?.status === 'active_ongoing');
    const exit = await send(url, 4, { to: STAKING_ADDRESS, data: toHex(exitCall(signer.publicKey)), ...GAS });
    expect(await until('the exit is in a block', () => receiptOf(url, exit))).toMatchObject({ status: '0x1' });
    await until('the validator leaves', async () => (await joined())?.status.startsWith('exit') === true);
  });

  it('goes on after all of it was stopped, from where it was', async () => {
    const final = await finalOf(net.url(0));
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    expect(await finalOf(net.url(0))).toBeGreaterThanOrEqual(final);
    await untilFinal(net.urls(...ALL), final + 2 * SLOTS_PER_EPOCH);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});

describe('a network of six validators, two of which are killed', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  it('goes on, since a third away is not too many, and has all of them again when they come back', async () => {
    const directory = temporary();
    const net = await Testnet.start(processes, directory, '--rpc-port', '0', '--nodes', '3', '--validators', '6');
    const [url = '', second = ''] = net.urls(0, 1);
    await untilFinal(net.urls(0, 1, 2), 1);
    await net.control('kill', 2);
    const cut = await epochOf(url);
    // Of what was made after it.
    await untilEpoch(url, cut + 2);
    const { head } = await statusOf(url);
    await untilFinal([url, second], head.number);
    expect((await participationOf(url)).share).toBeLessThanOrEqual(2 / 3);
    await net.control('restart', 2);
    await until('some of them vote again', async () => (await participationOf(url)).share > 2 / 3, EPOCHS_PATIENCE_MS);
    await untilFinal(net.urls(0, 1, 2), (await statusOf(url)).head.number);
    expect((await validatorsOf(second)).filter(({ slashed }) => slashed)).toEqual([]);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
