/**
 * One block's EVM: @ethereumjs' VM over our state, with the block as its context. A new one for each block costs 0.4 ms
 * (measured), and so no two executions can ever disturb one another. Blocks that run no code do without (`Frame`).
 */
import { createBlock, type Block as LibraryBlock } from '@ethereumjs/block';
import { createEVM, type EVMOpts } from '@ethereumjs/evm';
import { createVM, type VM } from '@ethereumjs/vm';
import { fromHex } from '../base/bytes.ts';
import { type Address, type Hash, ZERO_HASH } from '../base/types.ts';
import { type BlobRules, blobRulesAt } from '../chain/blobs.ts';
import type { Header } from '../chain/header.ts';
import { type ExecutionParams, type Fork, forkAt, isAtLeast } from '../chain/params.ts';
import { commonFor } from './common.ts';
import { EvmState } from './evm-state.ts';
import { offloadHeavy } from './heavy-precompiles.ts';
import { keepAnalyses } from './jump-analysis.ts';
import { removeEof } from './legacy-code.ts';
import type { Pacer } from './pacer.ts';
import type { WorldState } from './state.ts';

/** What a block must say before it is executed. */
export type BlockContext = Pick<
  Header,
  | 'parentHash'
  | 'number'
  | 'timestamp'
  | 'beneficiary'
  | 'gasLimit'
  | 'difficulty'
  | 'baseFeePerGas'
  | 'parentBeaconBlockRoot'
  | 'excessBlobGas'
>;

export interface EnvironmentOptions {
  readonly params: ExecutionParams;
  readonly context: BlockContext;
  /** What PREVRANDAO answers: the engine's, never the header's mixHash. */
  readonly randomness: Hash;
  readonly state: WorldState;
  /** The hash of an ancestor, for BLOCKHASH; asked for the last 256 only. */
  readonly ancestorHash: (number: number) => Hash | undefined;
  readonly pacer: Pacer;
  /** Whether heavy precompiles go to a thread of their own: for the thread that must stay responsive. */
  readonly offload?: boolean;
  /** Instead of what follows from the excess of blobs. */
  readonly blobPrice?: bigint;
}

/** What can be said of a block's execution without an EVM. */
export interface Frame {
  readonly fork: Fork;
  readonly context: BlockContext;
  readonly state: WorldState;
  /** Undefined where blocks have no blobs. */
  readonly blobs: BlobRules | undefined;
  readonly depositContract: Address | undefined;
}

export interface Environment extends Frame {
  readonly vm: VM;
  readonly block: LibraryBlock;
  /** Wei for each unit of blob gas. */
  readonly blobPrice: bigint;
  /** Where the fork has precompiles, whatever overrides have made of them: 40 hex digits each. */
  readonly precompiles: readonly string[];
}

export function frameOf({ params, context, state }: Pick<EnvironmentOptions, 'params' | 'context' | 'state'>): Frame {
  return {
    fork: forkAt(params.forks, context.number, context.timestamp),
    context,
    state,
    blobs: params.blobs && blobRulesAt(params.blobs, context.timestamp),
    depositContract: params.depositContract,
  };
}

export async function openEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const { params, state, pacer } = options;
  const frame = frameOf(options);
  const { fork, blobs } = frame;
  const common = commonFor(params, fork, blobs);
  const stateManager = new EvmState(state, pacer);
  const blockchain = ancestors(options.ancestorHash);
  const evm = await createEVM({
    common,
    stateManager,
    blockchain,
    customOpcodes: [pacedJumpDestination(pacer)],
    customPrecompiles: options.offload === true ? offloadHeavy(common, params.chainId, fork) : [],
  });
  removeEof(evm);
  await keepAnalyses(evm);
  const vm = await createVM({ common, stateManager, evm });
  const block = createBlock({ header: libraryHeader(options, fork) }, { common, skipConsensusFormatValidation: true, freeze: false });
  const blobPrice = options.blobPrice ?? (isAtLeast(fork, 'cancun') ? block.header.getBlobGasPrice() : 0n);
  if (options.blobPrice !== undefined) block.header.getBlobGasPrice = () => blobPrice;
  return {
    ...frame,
    vm,
    block,
    blobPrice,
    precompiles: [...evm.precompiles.keys()],
  };
}

function libraryHeader({ context, randomness }: EnvironmentOptions, fork: Fork) {
  return {
    number: BigInt(context.number),
    timestamp: BigInt(context.timestamp),
    coinbase: context.beneficiary,
    gasLimit: context.gasLimit,
    mixHash: randomness,
    // From paris on the library wants zero here, and nothing in the EVM can see it.
    ...(!isAtLeast(fork, 'paris') && { difficulty: context.difficulty }),
    ...(context.baseFeePerGas !== undefined && { baseFeePerGas: context.baseFeePerGas }),
    ...(isAtLeast(fork, 'cancun') && { excessBlobGas: context.excessBlobGas ?? 0n }),
  };
}

function ancestors(hashOf: EnvironmentOptions['ancestorHash']) {
  const chain = {
    getBlock: async (number: number) => ({ hash: () => fromHex(hashOf(number) ?? ZERO_HASH) }),
    putBlock: async () => {},
    shallowCopy: () => chain,
  };
  return chain;
}

/**
 * JUMPDEST that now and then lets the event loop run. Every loop passes one, so no contract can hold the node up: a
 * transaction that burns 16 million gas would otherwise block it for seconds.
 */
function pacedJumpDestination(pacer: Pacer): NonNullable<EVMOpts['customOpcodes']>[number] {
  return {
    opcode: 0x5b,
    opcodeName: 'JUMPDEST',
    baseFee: 1,
    logicFunction: () => (pacer.due ? pacer.rest() : undefined),
  };
}
