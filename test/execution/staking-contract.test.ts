/** The staking contract in the EVM, called as a wallet would, and heard as the engine hears it. */
import { readFileSync } from 'node:fs';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { decodeErrorResult, encodeFunctionData } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildStaking } from '../../native/staking/build.ts';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hash, type Hex } from '../../src/base/types.ts';
import type { Output } from '../../src/chain/tree.ts';
import {
  depositCall,
  exitCall,
  MINIMUM_DEPOSIT_SLOT,
  proofMessage,
  reportCall,
  requestsOf,
  STAKING_ADDRESS,
  stakingAccount,
  topUpCall,
  withdrawCall,
} from '../../src/consensus/pos/contract.ts';
import { STAKING_CODE } from '../../src/consensus/pos/contract-code.ts';
import { MAX_REQUESTS } from '../../src/consensus/pos/settings.ts';
import { EvmPool } from '../../src/execution/evm-pool.ts';
import { engineAccounts } from '../../src/node/genesis-accounts.ts';
import { blsSignatures, blsSigner } from '../../src/wallet/bls.ts';
import { ALICE, BOB, CHAIN_ID, ETHER, genesisDocument, RANDOMNESS, TestChain, transaction } from './support.ts';

const ABI_FILE = new URL('../../native/staking/abi.json', import.meta.url);
const abi = JSON.parse(readFileSync(ABI_FILE, 'utf8'));
const GAS = { gasLimit: 3_000_000n };
const MINIMUM = 32n * ETHER;

const signers = [1, 2, 3].map((n) => blsSigner(new Uint8Array(32).fill(n)));
const alice = { ...ALICE, nonce: 0 };
const bob = { ...BOB, nonce: 0 };
let chain: TestChain;
let pool: EvmPool | null = null;

/** The coordinates of a compressed point, each in 64 bytes, as EIP-2537 has them. */
function g1(publicKey: Hex): Uint8Array {
  const { x, y } = bls12_381.G1.Point.fromBytes(fromHex(publicKey)).toAffine();
  return concatBytes(bigToFixed(x, 64), bigToFixed(y, 64));
}
function g2(signature: Uint8Array): Uint8Array {
  const { x, y } = bls12_381.G2.Point.fromBytes(signature).toAffine();
  return concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((value) => bigToFixed(value, 64)));
}

function depositOf(signer: (typeof signers)[number], depositor = ALICE.address): Uint8Array {
  return depositCall(g1(signer.publicKey), g2(signer.sign(proofMessage(CHAIN_ID, depositor, signer.publicKey))));
}

async function send(from: typeof alice, data: Uint8Array, value = 0n) {
  const { receipts } = await chain.mine(transaction(from, from.nonce++, STAKING_ADDRESS, { data: toHex(data), value, ...GAS }));
  const [receipt] = receipts;
  return { success: receipt?.success, gasUsed: receipt?.gasUsed ?? 0n, requests: requestsOf(receipt?.logs ?? []) };
}

/** The name of the contract's error. */
async function refusal(from: typeof alice, data: Uint8Array, value = 0n): Promise<string> {
  pool ??= new EvmPool({ params: chain.params, state: chain.state, headers: chain, randomness: () => RANDOMNESS, workers: 1 });
  const { failure, returnData } = await pool.call({ header: chain.head, from: from.address, to: STAKING_ADDRESS, data, value });
  expect(failure?.reverted).toBe(true);
  return decodeErrorResult({ abi, data: toHex(returnData) }).errorName;
}

afterEach(async () => {
  await pool?.close();
  pool = null;
});

beforeEach(async () => {
  alice.nonce = 0;
  bob.nonce = 0;
  chain = await TestChain.start(
    genesisDocument({
      [STAKING_ADDRESS]: { balance: '0', code: STAKING_CODE, storage: { [MINIMUM_DEPOSIT_SLOT]: `0x${MINIMUM.toString(16)}` } },
    }),
  );
});

describe('the staking contract', () => {
  it('is the one that its source compiles to', () => {
    const { code, abi: built } = buildStaking();
    expect(readFileSync(new URL('../../src/consensus/pos/contract-code.ts', import.meta.url), 'utf8')).toBe(code);
    expect(readFileSync(ABI_FILE, 'utf8')).toBe(built);
  });

  it('takes a deposit with a proof of possession, and says so in the compressed form', async () => {
    for (const signer of signers) {
      const { success, requests, gasUsed } = await send(alice, depositOf(signer), MINIMUM);
      expect(success).toBe(true);
      const [request] = requests;
      expect(request).toMatchObject({ type: 'deposit', publicKey: signer.publicKey, depositor: ALICE.address, amount: 32_000_000_000n });
      if (request?.type !== 'deposit') return;
      const message = proofMessage(CHAIN_ID, ALICE.address, signer.publicKey);
      expect(toHex(request.signature)).toBe(toHex(signer.sign(message)));
      expect(blsSignatures.verify({ publicKeys: [signer.publicKey], message, signature: request.signature })).toBe(true);
      expect(gasUsed).toBeLessThan(400_000n);
    }
  });

  it('can be called by its ABI', async () => {
    const [signer] = signers;
    if (signer === undefined) return;
    const proof = g2(signer.sign(proofMessage(CHAIN_ID, ALICE.address, signer.publicKey)));
    const args = [toHex(g1(signer.publicKey)), toHex(proof)];
    expect(encodeFunctionData({ abi, functionName: 'deposit', args })).toBe(toHex(depositOf(signer)));
  });

  it('lets the depositor exit and ask for the stake, and anybody top up and report', async () => {
    const [signer] = signers;
    if (signer === undefined) return;
    const { publicKey } = signer;
    await send(alice, depositOf(signer), MINIMUM);
    expect((await send(bob, topUpCall(publicKey), ETHER)).requests).toEqual([{ type: 'topUp', publicKey, amount: 1_000_000_000n }]);
    expect((await send(alice, exitCall(publicKey))).requests).toEqual([{ type: 'exit', publicKey, sender: ALICE.address }]);
    expect((await send(alice, withdrawCall(publicKey))).requests).toEqual([{ type: 'withdraw', publicKey, sender: ALICE.address }]);
    const evidence = Uint8Array.from([1, 2, 3]);
    expect((await send(bob, reportCall(evidence))).requests).toEqual([{ type: 'report', evidence, reporter: BOB.address }]);
  });

  it('refuses by name what is wrong', async () => {
    const [signer, other] = signers;
    if (signer === undefined || other === undefined) return;
    const { publicKey } = signer;
    const good = depositOf(signer);
    expect(await refusal(alice, good, MINIMUM - 1n)).toBe('TooLittle');
    expect(await refusal(alice, good, MINIMUM + 1n)).toBe('NotWholeGwei');
    // A proof for another depositor, by another key, and no point at all.
    expect(await refusal(bob, good, MINIMUM)).toBe('BadProof');
    const foreign = g2(other.sign(proofMessage(CHAIN_ID, ALICE.address, publicKey)));
    expect(await refusal(alice, depositCall(g1(publicKey), foreign), MINIMUM)).toBe('BadProof');
    expect(await refusal(alice, depositCall(g1(publicKey), new Uint8Array(256)), MINIMUM)).toBe('BadProof');
    expect(await refusal(alice, depositCall(g1(publicKey), new Uint8Array(255)), MINIMUM)).toBe('BadProof');
    expect(await refusal(alice, depositCall(new Uint8Array(128), foreign), MINIMUM)).toBe('BadPublicKey');
    expect(await refusal(alice, depositCall(new Uint8Array(128).fill(255), foreign), MINIMUM)).toBe('BadPublicKey');
    expect(await refusal(alice, depositCall(g1(publicKey).slice(1), foreign), MINIMUM)).toBe('BadPublicKey');
    expect(await refusal(alice, topUpCall(publicKey), ETHER)).toBe('UnknownKey');
    expect(await refusal(alice, exitCall(publicKey))).toBe('UnknownKey');

    await send(alice, good, MINIMUM);
    expect(await refusal(alice, good, MINIMUM)).toBe('AlreadyDeposited');
    expect(await refusal(bob, topUpCall(publicKey), ETHER - 1_000_000_000n)).toBe('TooLittle');
    expect(await refusal(bob, exitCall(publicKey))).toBe('NotTheDepositor');
    expect(await refusal(bob, withdrawCall(publicKey))).toBe('NotTheDepositor');
    await send(alice, exitCall(publicKey));
    expect(await refusal(alice, exitCall(publicKey))).toBe('AlreadyExiting');
    expect(await refusal(bob, reportCall(new Uint8Array(0)))).toBe('BadReport');
    expect(await refusal(bob, reportCall(new Uint8Array(65_537)))).toBe('BadReport');
  });
});

describe('the staking contract of a network with validators from the start', () => {
  const FOUNDER = signers[0] ?? blsSigner(new Uint8Array(32).fill(1));
  const settings = {
    minimumDeposit: 32_000_000_000n,
    validators: [{ publicKey: FOUNDER.publicKey, depositor: ALICE.address, stake: 40_000_000_000n, signature: null }],
  };

  beforeEach(async () => {
    chain = await TestChain.start(genesisDocument({ [STAKING_ADDRESS]: stakingAccount(settings) }));
  });

  it('lets them top up, exit and withdraw as it does those who deposited', async () => {
    const { publicKey } = FOUNDER;
    expect((await send(bob, topUpCall(publicKey), ETHER)).requests).toEqual([{ type: 'topUp', publicKey, amount: 1_000_000_000n }]);
    expect(await refusal(bob, exitCall(publicKey))).toBe('NotTheDepositor');
    expect((await send(alice, exitCall(publicKey))).requests).toEqual([{ type: 'exit', publicKey, sender: ALICE.address }]);
    expect(await refusal(alice, exitCall(publicKey))).toBe('AlreadyExiting');
    expect((await send(alice, withdrawCall(publicKey))).requests).toEqual([{ type: 'withdraw', publicKey, sender: ALICE.address }]);
    expect(await refusal(alice, depositOf(FOUNDER), MINIMUM)).toBe('AlreadyDeposited');
  });

  it('is the one of the network that synod ships', () => {
    const file = new URL('../../genesis/pos.json', import.meta.url);
    const { config, alloc } = JSON.parse(readFileSync(file, 'utf8'));
    expect(alloc).toMatchObject(engineAccounts(config.engine));
  });
});

describe('what the contract says', () => {
  it('is refused when this contract cannot have said it', () => {
    const topic = `0x${'11'.repeat(32)}` as const;
    const outputs: Output[] = [
      { topics: [], data: '0x' },
      { topics: [topic as Hash, topic as Hash], data: '0x' },
    ];
    for (const output of outputs) {
      expect(() => requestsOf([output])).toThrowError(expect.objectContaining({ code: 'pos/contract-event' }));
    }
  });
});

describe('the cheapest that the staking contract can be made to say', () => {
  const LOOP = Address(`0x${'10'.repeat(20)}`);
  const BLOCK_GAS = 60_000_000n;
  const PUSH_ETHER = `67${ETHER.toString(16).padStart(16, '0')}`;
  /** Its calldata is a call of the staking contract, which it makes once for each ether that it is sent, with this value. */
  const loop = (value: string): Hex => `0x365f5f37${PUSH_ETHER}34045b5f5f365f${value}73${STAKING_ADDRESS.slice(2)}5af1506001900380600f5700`;
  const publicKey = signers[0]?.publicKey ?? '0x';

  async function gasOf(data: Uint8Array, value: string): Promise<bigint> {
    alice.nonce = 0;
    const validators = [{ publicKey, depositor: LOOP, stake: 32_000_000_000n, signature: null }];
    chain = await TestChain.start(
      genesisDocument({
        [STAKING_ADDRESS]: stakingAccount({ minimumDeposit: 32_000_000_000n, validators }),
        [LOOP]: { balance: '0', code: loop(value) },
      }),
    );
    const gas: bigint[] = [];
    for (const times of [10n, 30n]) {
      const { receipts } = await chain.mine(
        transaction(alice, alice.nonce++, LOOP, { data: toHex(data), value: times * ETHER, gasLimit: 3_000_000n }),
      );
      expect(requestsOf(receipts[0]?.logs ?? [])).toHaveLength(Number(times));
      gas.push(receipts[0]?.gasUsed ?? 0n);
    }
    return ((gas[1] ?? 0n) - (gas[0] ?? 0n)) / 20n;
  }

  it('is less in a block than a payload takes', async () => {
    expect(BLOCK_GAS / (await gasOf(topUpCall(publicKey), PUSH_ETHER))).toBeLessThan(MAX_REQUESTS);
    // Of one key it has an effect once; another key's depositor has to be read, which is the first access to a slot (EIP-2929).
    const [cold, warm] = [2_100n, 100n];
    expect(BLOCK_GAS / ((await gasOf(withdrawCall(publicKey), '5f')) - warm + cold)).toBeLessThan(MAX_REQUESTS);
  });
});
