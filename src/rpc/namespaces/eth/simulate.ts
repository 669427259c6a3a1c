/** eth_simulateV1: calls in blocks that are made up for them (ethereum/execution-apis; errors as geth gives them). */
import { EMPTY, toHex, toQuantity } from '../../../base/bytes.ts';
import { RuleError } from '../../../base/errors.ts';
import type { Json } from '../../../base/types.ts';
import { EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../../chain/header.ts';
import { revertReason } from '../../../execution/revert-reason.ts';
import type { BlockPlan, CallOutcome, SimulatedBlock, SimulationRequest } from '../../../execution/simulation-types.ts';
import type { Backend } from '../../backend.ts';
import { blockRef, LATEST, requireHeader } from '../../block-ref.ts';
import { type CallArguments, callArguments, simulatedBlockOverrides, stateOverrides } from '../../call-request.ts';
import { boolean, type Codec, list, object } from '../../codecs.ts';
import { invalidParams, RPC_CODES, type RpcCode, RpcError } from '../../errors.ts';
import { blockJson } from '../../format/block.ts';
import { logJson, logJsonBytes } from '../../format/receipt.ts';
import { transactionJson, transactionJsonBytes } from '../../format/transaction.ts';
import type { ReplySize } from '../../limits.ts';
import { type Method, method, optional, required } from '../../method.ts';

const MAX_BLOCKS = 256;
const MAX_CALLS = 5_000;

/** What a call could not start for, by the codes of the specification. */
const CODES: ReadonlyMap<string, RpcCode> = new Map<string, RpcCode>([
  ['tx/nonce-too-low', RPC_CODES.nonceTooLow],
  ['tx/nonce-too-high', RPC_CODES.nonceTooHigh],
  ['tx/fee-below-base', RPC_CODES.feeTooLow],
  ['tx/intrinsic-gas', RPC_CODES.intrinsicGas],
  ['tx/insufficient-funds', RPC_CODES.insufficientFunds],
  ['simulate/block-gas', RPC_CODES.blockGas],
  ['simulate/block-number', RPC_CODES.blockNumber],
  ['simulate/timestamp', RPC_CODES.blockTimestamp],
  ['tx/sender-has-code', RPC_CODES.senderHasCode],
  ['tx/initcode-too-large', RPC_CODES.initcodeSize],
  ['simulate/limit', RPC_CODES.clientLimit],
  ['tx/tip-above-fee', RPC_CODES.invalidParams],
  // The specification has no code for it, and geth and the conformance suite give this one.
  ['tx/nonce-max', RPC_CODES.internal],
]);

const blockFields = object('a block of calls', {
  blockOverrides: simulatedBlockOverrides,
  stateOverrides,
  calls: list(callArguments, MAX_CALLS),
});

const fields = object('a simulation', {
  blockStateCalls: list(blockFields, Number.MAX_SAFE_INTEGER),
  traceTransfers: boolean,
  validation: boolean,
  returnFullTransactions: boolean,
});

type Simulation = Omit<SimulationRequest, 'header' | 'blocks' | 'blockReward'> & {
  readonly full: boolean;
  readonly blocks: readonly (Omit<BlockPlan, 'calls'> & { readonly calls: readonly CallArguments[] })[];
};

const simulation: Codec<Simulation> = {
  expected: fields.expected,
  schema: fields.schema,
  decode(value, place) {
    const {
      blockStateCalls = [],
      traceTransfers = false,
      validation = false,
      returnFullTransactions: full = false,
    } = fields.decode(value, place);
    if (blockStateCalls.length === 0) throw invalidParams('empty input');
    if (blockStateCalls.length > MAX_BLOCKS)
      throw new RpcError(RPC_CODES.clientLimit, 'simulate/limit', `too many blocks: at most ${MAX_BLOCKS}`);
    const blocks = blockStateCalls.map(({ blockOverrides = {}, stateOverrides: accounts = new Map(), calls = [] }) => ({
      overrides: blockOverrides,
      accounts,
      calls,
    }));
    return { traceTransfers, validation, full, blocks };
  },
};

export const SIMULATE_METHODS: readonly Method[] = [
  method({
    name: 'eth_simulateV1',
    doc: 'Runs calls in blocks that follow a block, each with its own overrides; nothing is kept.',
    parameters: [required('payload', simulation), optional('block', blockRef, LATEST)],
    result: 'a list of blocks, each with what its calls did as calls',
    async run({ backend, client, size }, { full, blocks, ...options }, ref) {
      const { header } = requireHeader(backend.chain, ref);
      const plans = blocks.map((block) => ({ ...block, calls: block.calls.map((call) => forChain(call, backend.chainId)) }));
      try {
        const simulated = await backend.evm.simulate(
          { ...options, header, blocks: plans, blockReward: rewardLike(backend, header) },
          client,
        );
        return simulated.map((block) => simulatedJson(block, full, size));
      } catch (error) {
        throw coded(error);
      }
    },
  }),
];

/** Wei that the block's beneficiary got beside fees, uncles and all that left aside; nothing where nobody mines. */
function rewardLike({ chain }: Backend, header: Header): bigint {
  if (header.difficulty === 0n) return 0n;
  const rewards = chain.rewards({ header: { ...header, unclesHash: EMPTY_UNCLES_HASH }, payload: EMPTY });
  return rewards.reduce((sum, { to, amount }) => (to === header.beneficiary ? sum + amount : sum), 0n);
}

function forChain({ chainId, ...call }: CallArguments, ownChainId: number): Omit<CallArguments, 'chainId'> {
  if (chainId === undefined || chainId === BigInt(ownChainId)) return call;
  throw invalidParams(`chainId does not match node's (have=${chainId}, want=${ownChainId})`);
}

/** geth begins the sentences of calls that could not start with `err: `. */
function coded(error: unknown): unknown {
  if (!(error instanceof RuleError) || error instanceof RpcError) return error;
  const code = CODES.get(error.code);
  if (code === undefined) return error;
  return new RpcError(code, error.code, error.code.startsWith('tx/') ? `err: ${error.message}` : error.message);
}

function simulatedJson({ block, transactions, calls }: SimulatedBlock, full: boolean, size: ReplySize): Json {
  const hash = hashHeader(block.header);
  const node = { hash, header: block.header, seal: block.seal, facts: { weight: 0n, carried: 0n } };
  size.add(2_000);
  const listed = transactions.map((tx, index): Json => {
    if (!full) return tx.hash;
    size.add(transactionJsonBytes(tx));
    return transactionJson(tx, { block: node, index });
  });
  const outcomes = calls.map((call, index): Json => {
    const logs = call.logs.map((log): Json => {
      size.add(logJsonBytes(log));
      const place = { log, block: node, transactionHash: transactions[index]?.hash ?? hash, transactionIndex: index, logIndex: log.index };
      return logJson(place, false);
    });
    return outcomeJson(call, logs, size);
  });
  return { ...blockJson(block, hash, listed), calls: outcomes };
}

function outcomeJson({ returnData, gasUsed, peakGas, failure }: CallOutcome, logs: Json[], size: ReplySize): Json {
  size.add(200 + 2 * returnData.length);
  const isReverted = failure?.reverted === true;
  const reason = isReverted ? revertReason(returnData) : undefined;
  return {
    // What a failed call returned is in its error.
    returnData: failure === null ? toHex(returnData) : '0x',
    logs,
    gasUsed: toQuantity(gasUsed),
    maxUsedGas: toQuantity(peakGas),
    status: failure === null ? '0x1' : '0x0',
    ...(isReverted && {
      error: { message: `execution reverted${reason === undefined ? '' : `: ${reason}`}`, code: RPC_CODES.revert, data: toHex(returnData) },
    }),
    ...(failure !== null && !isReverted && { error: { message: failure.message, code: RPC_CODES.execution } }),
  };
}
