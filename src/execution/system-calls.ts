/**
 * The calls that a block makes by itself, before and after its transactions: EIP-4788 and EIP-2935 (block roots and
 * hashes), EIP-7002 and EIP-7251 (requests), whose hash EIP-7685 defines. They run as the system address, cost the block
 * nothing, and do nothing where the genesis has no such contract. EIP-6110 deposits, which are read from logs, occur only on
 * chains that were made elsewhere: synod has no beacon chain that could take them.
 */
import { createAddressFromString } from '@ethereumjs/util';
import { concatBytes, EMPTY, fromHex, hashOf } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import { type Address, type Hash, ZERO_HASH } from '../base/types.ts';
import { isAtLeast } from '../chain/params.ts';
import { sha256 } from './common.ts';
import type { Environment, Frame } from './environment.ts';
import { hasNoRequests, keepBeaconRoot, keepBlockHash } from './known-contracts.ts';
import { BEACON_ROOTS, BLOCK_HASHES, CONSOLIDATION_REQUESTS, SYSTEM_ADDRESS, WITHDRAWAL_REQUESTS } from './system-contracts.ts';
import type { Receipt } from './types.ts';

const SYSTEM_CALL_GAS = 30_000_000n;

const DEPOSIT_REQUEST = 0;
/** keccak of DepositEvent(bytes,bytes,bytes,bytes,bytes). */
const DEPOSIT_EVENT = '0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5' as Hash;
const DEPOSIT_EVENT_BYTES = 576;
/** Where the contents of the five byte strings stand in the ABI's encoding, and how long they are. */
const DEPOSIT_FIELDS: readonly (readonly [at: number, bytes: number])[] = [
  [192, 48],
  [288, 32],
  [352, 8],
  [416, 96],
  [544, 8],
];

/** The request types of EIP-7685 that can occur here, in their order. */
const REQUEST_CONTRACTS: readonly (readonly [type: number, contract: Address])[] = [
  [1, WITHDRAWAL_REQUESTS],
  [2, CONSOLIDATION_REQUESTS],
];

/** Opens the block's EVM, where a contract is not one that is known here. */
type OpenEvm = () => Promise<Environment>;

export async function callBeforeTransactions(frame: Frame, evm: OpenEvm): Promise<void> {
  const { fork, context } = frame;
  if (isAtLeast(fork, 'cancun') && !keepBeaconRoot(frame)) {
    await systemCall(frame, evm, BEACON_ROOTS, fromHex(context.parentBeaconBlockRoot ?? ZERO_HASH));
  }
  if (isAtLeast(fork, 'prague') && !keepBlockHash(frame)) await systemCall(frame, evm, BLOCK_HASHES, fromHex(context.parentHash));
}

/** The requests of EIP-7685, each after its type, in their order; undefined before prague. Throws RuleError block/requests when a request contract fails. */
export async function callAfterTransactions(
  frame: Frame,
  receipts: readonly Receipt[],
  evm: OpenEvm,
): Promise<readonly Uint8Array[] | undefined> {
  const { fork, depositContract } = frame;
  if (!isAtLeast(fork, 'prague')) return undefined;
  const deposits = depositContract === undefined ? EMPTY : depositRequests(receipts, depositContract);
  const requests = [concatBytes(Uint8Array.of(DEPOSIT_REQUEST), deposits)];
  for (const [type, contract] of REQUEST_CONTRACTS) {
    if (hasNoRequests(frame, contract)) continue;
    const { output, failed } = await systemCall(frame, evm, contract, EMPTY);
    if (failed) throw new RuleError('block/requests', `The request contract ${contract} failed, which makes the block invalid (EIP-7685).`);
    requests.push(concatBytes(Uint8Array.of(type), output));
  }
  return requests.filter(({ length }) => length > 1);
}

/** What a header commits to them with. */
export function requestsHashOf(requests: readonly Uint8Array[]): Hash {
  return hashOf(sha256(concatBytes(...requests.map(sha256))));
}

/** EIP-6110: of each deposit event its key, credentials, amount, signature and index, one after the other. */
function depositRequests(receipts: readonly Receipt[], contract: Address): Uint8Array {
  const events = receipts.flatMap(({ logs }) => logs.filter(({ address, topics }) => address === contract && topics[0] === DEPOSIT_EVENT));
  return concatBytes(
    ...events.flatMap(({ data }) => {
      const bytes = fromHex(data);
      if (bytes.length !== DEPOSIT_EVENT_BYTES) {
        throw new RuleError('block/requests', `A deposit event has ${bytes.length} bytes; expected ${DEPOSIT_EVENT_BYTES} (EIP-6110).`);
      }
      return DEPOSIT_FIELDS.map(([at, length]) => bytes.subarray(at, at + length));
    }),
  );
}

async function systemCall({ state }: Frame, evm: OpenEvm, contract: Address, data: Uint8Array): Promise<SystemCallResult> {
  if (state.code(contract).length === 0) return { output: new Uint8Array(0), failed: false };
  const { vm, block } = await evm();
  const { execResult } = await vm.evm.runCall({
    block,
    caller: createAddressFromString(SYSTEM_ADDRESS),
    to: createAddressFromString(contract),
    data,
    gasLimit: SYSTEM_CALL_GAS,
    skipNonceIncrement: true,
  });
  // The caller was touched; an empty one must not stay behind (EIP-161).
  await vm.evm.journal.cleanup();
  return { output: execResult.returnValue, failed: execResult.exceptionError !== undefined };
}

interface SystemCallResult {
  readonly output: Uint8Array;
  readonly failed: boolean;
}
