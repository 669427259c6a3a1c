/** eth_: running code without a transaction. */
import { toHex, toQuantity } from '../../../base/bytes.ts';
import type { CallFailure, CallRequest } from '../../../execution/call-types.ts';
import { revertReason } from '../../../execution/revert-reason.ts';
import { type BlockRef, blockRef, LATEST, requireHeader } from '../../block-ref.ts';
import { blockOverrides, type CallArguments, callArguments, stateOverrides, toCallRequest } from '../../call-request.ts';
import { type RpcError, refused, reverted } from '../../errors.ts';
import { type Context, JsonText, type Method, method, optional, required } from '../../method.ts';

const LONG_CHARACTERS = 100_000;

const call = required('transaction', callArguments);
const block = optional('block', blockRef, LATEST);
const state = optional('stateOverrides', stateOverrides, undefined);
const context = optional('blockOverrides', blockOverrides, undefined);

export const CALL_METHODS: readonly Method[] = [
  method({
    name: 'eth_call',
    doc: 'Runs a call on the state after a block and gives what it returns; nothing is kept.',
    parameters: [call, block, state, context],
    result: 'bytes',
    async run({ backend, client }, args, ref, accounts, fields) {
      const result = await backend.evm.call(request({ backend }, args, ref, accounts, fields), client);
      if (result.failure !== null) throw failed(result.failure, result.returnData);
      const hex = toHex(result.returnData);
      // Megabytes of digits need not be searched for what JSON would have escaped.
      return hex.length > LONG_CHARACTERS ? new JsonText(`"${hex}"`) : hex;
    },
  }),
  method({
    name: 'eth_estimateGas',
    doc: 'The least gas limit with which a transaction succeeds.',
    parameters: [call, block, state, context],
    result: 'quantity',
    async run({ backend, client }, args, ref, accounts, fields) {
      const result = await backend.evm.estimateGas(request({ backend }, args, ref, accounts, fields), client);
      if (result.failure !== null) throw failed(result.failure, result.returnData);
      return toQuantity(result.gas);
    },
  }),
  method({
    name: 'eth_createAccessList',
    doc: 'The addresses and slots that a transaction touches (EIP-2930).',
    parameters: [call, block, state],
    result: 'an object with accessList, gasUsed and, when the call fails, error',
    async run({ backend, client }, args, ref, accounts) {
      const result = await backend.evm.createAccessList(request({ backend }, args, ref, accounts, undefined), client);
      const { failure } = result;
      return {
        accessList: result.accessList.map(({ address, storageKeys }) => ({ address, storageKeys: [...storageKeys] })),
        gasUsed: toQuantity(result.gasUsed),
        ...(failure !== null && { error: failure.reverted ? 'execution reverted' : failure.message }),
      };
    },
  }),
];

function request(
  { backend }: Pick<Context, 'backend'>,
  args: CallArguments,
  ref: BlockRef,
  accounts: CallRequest['stateOverrides'],
  fields: CallRequest['blockOverrides'],
): CallRequest {
  const { header } = requireHeader(backend.chain, ref);
  return toCallRequest(args, header, backend.chainId, {
    ...(accounts !== undefined && { stateOverrides: accounts }),
    ...(fields !== undefined && { blockOverrides: fields }),
  });
}

function failed(failure: CallFailure, returnData: Uint8Array): RpcError {
  return failure.reverted ? reverted(toHex(returnData), revertReason(returnData)) : refused('rpc/call-failed', failure.message);
}
