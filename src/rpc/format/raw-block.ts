/** A block in Ethereum's own encoding: RLP of [header, transactions, uncles, withdrawals], the last from shanghai on. */
import { RLP } from '@ethereumjs/rlp';
import type { Block } from '../../chain/block.ts';
import { foreignBody, uncleFields, withdrawalFields } from '../../chain/foreign-body.ts';
import { headerFields } from '../../chain/header.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';

export function encodeEthereumBlock(block: Block): Uint8Array {
  const { uncles, withdrawals } = foreignBody(block);
  const parts = [headerFields(block.header), block.transactions.map(embedded), uncleFields(uncles)];
  return encodeRlp(block.header.withdrawalsRoot === undefined ? parts : [...parts, withdrawals.map(withdrawalFields)]);
}

/** A legacy transaction is a list already; a typed one stands in the list as a byte string. */
function embedded(transaction: Uint8Array): RlpValue {
  return (transaction[0] ?? 0) >= 0xc0 ? RLP.decode(transaction) : transaction;
}
