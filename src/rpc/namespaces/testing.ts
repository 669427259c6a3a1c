/** testing_: what ethereum/execution-apis has for test fixtures. Closed to the public port unless it is opened by name. */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Hex, Json } from '../../base/types.ts';
import { foreignBody } from '../../chain/foreign-body.ts';
import { hashHeader } from '../../chain/header.ts';
import type { TestBlock } from '../../execution/test-block.ts';
import type { Backend } from '../backend.ts';
import { withdrawals } from '../call-request.ts';
import { address, type Codec, data, hash, list, mismatch, object, uint64 } from '../codecs.ts';
import { invalidParams, refused } from '../errors.ts';
import { withdrawalJson } from '../format/block.ts';
import { type Method, method, optional, required } from '../method.ts';

const MAX_TRANSACTIONS = 10_000;
const MAX_EXTRA_BYTES = 32;

const fields = object('payload attributes', {
  timestamp: uint64,
  prevRandao: hash,
  suggestedFeeRecipient: address,
  withdrawals,
  parentBeaconBlockRoot: hash,
});

const attributes = {
  expected: fields.expected,
  decode(value, place) {
    const { timestamp, prevRandao, suggestedFeeRecipient, withdrawals: paid = [], parentBeaconBlockRoot } = fields.decode(value, place);
    if (timestamp === undefined || prevRandao === undefined || suggestedFeeRecipient === undefined || parentBeaconBlockRoot === undefined) {
      throw mismatch(place, `${fields.expected}, none of them missing`, value);
    }
    if (timestamp > BigInt(Number.MAX_SAFE_INTEGER)) throw mismatch(place, 'a timestamp below 2^53', value);
    return { timestamp: Number(timestamp), prevRandao, suggestedFeeRecipient, withdrawals: paid, parentBeaconBlockRoot };
  },
} satisfies Codec<unknown>;

const extraData: Codec<Hex> = {
  expected: `at most ${MAX_EXTRA_BYTES} bytes (0x and hex digits)`,
  decode(value, place) {
    const bytes = data.decode(value, place);
    if (bytes.length > MAX_EXTRA_BYTES)
      throw invalidParams(`invalid argument ${place.argument}: extraData has ${bytes.length} bytes; at most ${MAX_EXTRA_BYTES}`);
    return toHex(bytes);
  },
};

export const TESTING: readonly Method[] = [
  method({
    name: 'testing_buildBlockV1',
    doc: 'Builds a block of the given transactions, or with null of those in the pool, on any parent; nothing is kept.',
    parameters: [
      required('parentBlockHash', hash),
      required('payloadAttributes', attributes),
      optional('transactions', list(data, MAX_TRANSACTIONS), null),
      optional('extraData', extraData, '0x' as Hex),
    ],
    result: 'an object with executionPayload, blockValue, blobsBundle, executionRequests and shouldOverrideBuilder',
    async run({ backend, client }, parentHash, wanted, given, extra) {
      const parent = backend.chain.header(parentHash);
      if (parent === undefined) throw refused('rpc/unknown-block', 'parent block not found');
      const built = await backend.evm.buildTestBlock(
        {
          header: parent.header,
          timestamp: wanted.timestamp,
          beneficiary: wanted.suggestedFeeRecipient,
          randomness: wanted.prevRandao,
          beaconRoot: wanted.parentBeaconBlockRoot,
          withdrawals: wanted.withdrawals,
          extraData: extra,
          gasLimit: backend.chain.genesis.header.gasLimit,
          transactions: given ?? pooled(backend),
          lenient: given === null,
        },
        client,
      );
      return resultJson(built);
    },
  }),
];

function pooled({ pool }: Backend): readonly Uint8Array[] {
  return [...pool.content().pending.values()].flatMap((transactions) => transactions.map(({ bytes }) => bytes));
}

function resultJson({ block, tips, requests }: TestBlock): Json {
  const { header, transactions } = block;
  return {
    executionPayload: {
      parentHash: header.parentHash,
      feeRecipient: header.beneficiary,
      stateRoot: header.stateRoot,
      receiptsRoot: header.receiptsRoot,
      logsBloom: header.logsBloom,
      prevRandao: header.mixHash,
      blockNumber: toQuantity(header.number),
      gasLimit: toQuantity(header.gasLimit),
      gasUsed: toQuantity(header.gasUsed),
      timestamp: toQuantity(header.timestamp),
      extraData: header.extraData,
      baseFeePerGas: toQuantity(header.baseFeePerGas ?? 0n),
      blockHash: hashHeader(header),
      transactions: transactions.map(toHex),
      withdrawals: foreignBody(block).withdrawals.map(withdrawalJson),
      ...(header.blobGasUsed !== undefined && { blobGasUsed: toQuantity(header.blobGasUsed) }),
      ...(header.excessBlobGas !== undefined && { excessBlobGas: toQuantity(header.excessBlobGas) }),
    },
    blockValue: toQuantity(tips),
    // Blobs themselves are not kept here.
    blobsBundle: { commitments: [], proofs: [], blobs: [] },
    executionRequests: requests.map(toHex),
    shouldOverrideBuilder: false,
  };
}
