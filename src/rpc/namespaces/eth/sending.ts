/** eth_: sending transactions, and what a node without keys answers to those who want it to sign. */
import { toHex, toQuantity } from '../../../base/bytes.ts';
import type { Hash, Json } from '../../../base/types.ts';
import { revertReason } from '../../../execution/revert-reason.ts';
import type { TransactionFields } from '../../../execution/transaction-codec.ts';
import { asTransaction } from '../../../execution/unsigned-transaction.ts';
import type { Backend } from '../../backend.ts';
import { type CallArguments, callArguments, toCallRequest } from '../../call-request.ts';
import { address, count, data, uint64 } from '../../codecs.ts';
import { RPC_CODES, RpcError, refused, reverted } from '../../errors.ts';
import { transactionJson } from '../../format/transaction.ts';
import { type Context, type Method, method, optional, required, unsupported } from '../../method.ts';
import { findBySenderAndNonce } from '../../sender-nonce.ts';
import { findReceipt, findTransaction } from '../../transactions.ts';

/** geth's; and a little less than a request may take (limits.ts), so that the answer is this method's own. */
const SYNC_TIMEOUT_MS = 20_000;
const MAX_SYNC_TIMEOUT_MS = 25_000;

const NO_KEYS = 'this node keeps no keys: sign in the wallet (synod wallet send, or any Ethereum library) and use eth_sendRawTransaction';

export const SENDING_METHODS: readonly Method[] = [
  method({
    name: 'eth_sendRawTransaction',
    doc: 'Takes a signed transaction into the pool and gossips it.',
    parameters: [required('transaction', data)],
    result: 'hash',
    // A pool refuses for many reasons, and programs that send want to tell them apart.
    tellsReason: true,
    run: ({ backend }, bytes) => backend.pool.add(bytes),
  }),
  method({
    name: 'eth_sendRawTransactionSync',
    doc: 'Takes a signed transaction into the pool and answers once it is mined (EIP-7966).',
    parameters: [required('transaction', data), optional('timeoutMs', count, BigInt(SYNC_TIMEOUT_MS))],
    result: 'a receipt',
    tellsReason: true,
    async run({ backend }, bytes, timeoutMs) {
      const hash = await addNext(backend, bytes);
      const limitMs = Math.min(Number(timeoutMs), MAX_SYNC_TIMEOUT_MS);
      const receipt = await mined(backend, hash, limitMs);
      if (receipt !== null) return receipt;
      const waited = `the transaction is in the pool, but was not mined within ${limitMs / 1000} s; ask for its receipt later`;
      throw new RpcError(RPC_CODES.notMinedInTime, 'rpc/not-mined-in-time', waited, hash);
    },
  }),
  method({
    name: 'eth_fillTransaction',
    doc: 'Adds what a transaction lacks (nonce, fees, gas), ready to be signed.',
    parameters: [required('transaction', callArguments)],
    result: 'an object with raw (unsigned, with a signature of zeros) and tx',
    run: fill,
  }),
  method({
    name: 'eth_getTransactionBySenderAndNonce',
    doc: 'The transaction of a sender with this nonce, mined or waiting in the pool.',
    parameters: [required('sender', address), required('nonce', uint64)],
    result: 'a transaction, or null',
    async run({ backend, size }, sender, nonce) {
      const waiting = backend.pool.content(sender);
      const pooled = [...(waiting.pending.get(sender) ?? []), ...(waiting.queued.get(sender) ?? [])].find((tx) => tx.nonce === nonce);
      const hash = pooled?.hash ?? (await findBySenderAndNonce(backend, sender, nonce));
      return hash === null ? null : findTransaction(backend, hash, size);
    },
  }),
  unsupported('eth_sendTransaction', NO_KEYS),
  unsupported('eth_signTransaction', NO_KEYS),
  unsupported('eth_sign', NO_KEYS),
  unsupported('eth_signTypedData_v4', NO_KEYS),
];

/** Nobody can wait for a transaction whose predecessor is missing. */
async function addNext({ chain, pool }: Backend, bytes: Uint8Array): Promise<Hash> {
  const hash = await pool.add(bytes);
  const { sender, nonce } = pool.get(hash) ?? chain.decode(bytes);
  const next = pool.pendingNonce(sender);
  if (nonce < next) return hash;
  const message = `the transaction waits for a predecessor: its nonce is ${nonce}, the next of ${sender} is ${next}`;
  throw new RpcError(RPC_CODES.nonceGap, 'rpc/nonce-gap', message, toQuantity(next));
}

/** Null when the time ran out. */
function mined(backend: Backend, hash: Hash, timeoutMs: number): Promise<Json> {
  return new Promise((resolve) => {
    const look = () => {
      const receipt = findReceipt(backend, hash);
      if (receipt !== null) end(receipt);
    };
    const end = (receipt: Json) => {
      clearTimeout(timer);
      stop();
      resolve(receipt);
    };
    const timer = setTimeout(() => end(null), timeoutMs);
    const stop = backend.onHead(look);
    look();
  });
}

async function fill(context: Context, call: CallArguments): Promise<Json> {
  const { backend } = context;
  const filled = { ...call, nonce: call.nonce ?? backend.pool.pendingNonce(call.from), ...(await feesFor(context, call)) };
  const gasLimit = call.gas ?? (await gasFor(context, filled));
  const { gasPrice = null, maxFeePerGas = gasPrice ?? 0n, maxPriorityFeePerGas = gasPrice ?? 0n } = filled;
  const { to, value, data: input, accessList = [], authorizationList = [], blobs, nonce } = filled;
  const fields: Omit<TransactionFields, 'type' | 'v' | 'yParity' | 'r' | 's'> = {
    chainId: BigInt(backend.chainId),
    nonce,
    gasLimit,
    gasPrice,
    maxFeePerGas,
    maxPriorityFeePerGas,
    to,
    value,
    data: input,
    accessList,
    authorizationList,
    ...(blobs !== undefined && { blobs }),
  };
  const tx = asTransaction(fields, call.from);
  return { raw: toHex(tx.bytes), tx: transactionJson(tx, null) };
}

/** As wallets choose: twice the base fee, so that some full blocks do not overtake it. */
async function feesFor(
  { backend, fees }: Context,
  call: CallArguments,
): Promise<Pick<CallArguments, 'maxFeePerGas' | 'maxPriorityFeePerGas'>> {
  if (call.gasPrice !== undefined) return {};
  const tip = call.maxPriorityFeePerGas ?? (await fees.suggestTip());
  const baseFee = backend.chain.nextBaseFee(backend.chain.head.header) ?? 0n;
  const maxFeePerGas = call.maxFeePerGas ?? 2n * baseFee + tip;
  if (tip > maxFeePerGas) throw refused('rpc/fees', `maxFeePerGas (${maxFeePerGas}) < maxPriorityFeePerGas (${tip})`);
  return { maxFeePerGas, maxPriorityFeePerGas: tip };
}

async function gasFor({ backend, client }: Context, call: CallArguments): Promise<bigint> {
  const request = toCallRequest(call, backend.chain.head.header, backend.chainId, {});
  const { gas, failure, returnData } = await backend.evm.estimateGas(request, client);
  if (failure === null) return gas;
  throw failure.reverted ? reverted(toHex(returnData), revertReason(returnData)) : refused('rpc/call-failed', failure.message);
}
