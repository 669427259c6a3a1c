/** txpool_: the transactions that wait, as geth shows them: `pending` can be mined now, `queued` wait for a nonce. */
import { toQuantity } from '../../base/bytes.ts';
import type { Address, Json } from '../../base/types.ts';
import type { TransactionView } from '../backend.ts';
import { address } from '../codecs.ts';
import { checksumAddress } from '../format/checksum.ts';
import { transactionJson, transactionJsonBytes } from '../format/transaction.ts';
import type { ReplySize } from '../limits.ts';
import { type Method, method, required } from '../method.ts';

type Senders = ReadonlyMap<Address, readonly TransactionView[]>;
type Show = (tx: TransactionView) => Json;

export const TXPOOL: readonly Method[] = [
  method({
    name: 'txpool_status',
    doc: 'How many transactions wait.',
    result: 'an object with pending and queued',
    run({ backend }) {
      const { pending, queued } = backend.pool.status();
      return { pending: toQuantity(pending), queued: toQuantity(queued) };
    },
  }),
  method({
    name: 'txpool_content',
    doc: 'Every transaction that waits, by sender and nonce.',
    result: 'an object with pending and queued',
    run({ backend, size }) {
      const { pending, queued } = backend.pool.content();
      const show = whole(size);
      return { pending: bySender(pending, show), queued: bySender(queued, show) };
    },
  }),
  method({
    name: 'txpool_contentFrom',
    doc: 'The transactions of one sender that wait, by nonce.',
    parameters: [required('address', address)],
    result: 'an object with pending and queued',
    run({ backend, size }, sender) {
      const { pending, queued } = backend.pool.content(sender);
      const show = whole(size);
      return { pending: byNonce(pending.get(sender) ?? [], show), queued: byNonce(queued.get(sender) ?? [], show) };
    },
  }),
  method({
    name: 'txpool_inspect',
    doc: 'Every transaction that waits in one line of text, by sender and nonce.',
    result: 'an object with pending and queued',
    run({ backend, size }) {
      const { pending, queued } = backend.pool.content();
      const show = (tx: TransactionView) => {
        size.add(200);
        return summary(tx);
      };
      return { pending: bySender(pending, show), queued: bySender(queued, show) };
    },
  }),
];

function whole(size: ReplySize): Show {
  return (tx) => {
    size.add(transactionJsonBytes(tx));
    return transactionJson(tx, null);
  };
}

function summary(tx: TransactionView): string {
  const to = tx.to === null ? 'contract creation' : checksumAddress(tx.to);
  return `${to}: ${tx.value} wei + ${tx.gasLimit} gas × ${tx.maxFeePerGas} wei`;
}

function bySender(senders: Senders, show: Show): Json {
  return Object.fromEntries([...senders].map(([sender, transactions]) => [checksumAddress(sender), byNonce(transactions, show)]));
}

function byNonce(transactions: readonly TransactionView[], show: Show): Json {
  return Object.fromEntries(transactions.map((tx) => [String(tx.nonce), show(tx)]));
}
