/** eth_: logs, filters to poll and subscriptions. */

import type { Json } from '../../../base/types.ts';
import { boolean, type Codec, hash, list, object, text } from '../../codecs.ts';
import { RPC_CODES, RpcError, refused } from '../../errors.ts';
import { LogMatcher, logCriteria } from '../../logs.ts';
import { type Method, method, optional, required } from '../../method.ts';
import type { Topic } from '../../subscriptions.ts';

const criteria = required('filter', logCriteria);
const filterId = required('filterId', text);

/** geth's bound. */
const MAX_WATCHED_TRANSACTIONS = 200;
const receiptFilter = object('a filter of receipts', { transactionHashes: list(hash, MAX_WATCHED_TRANSACTIONS) });

/** The second argument of eth_subscribe depends on the first, so it is decoded in two steps. */
const anything: Codec<Json> = { expected: 'the options of the topic', decode: (value) => value };

export const WATCHING_METHODS: readonly Method[] = [
  method({
    name: 'eth_getLogs',
    doc: 'The logs of a block or of a range of canonical blocks that match addresses and topics.',
    parameters: [criteria],
    result: 'a list of logs',
    run: ({ logs, size }, wanted) => logs.find(wanted, size),
  }),
  method({
    name: 'eth_newFilter',
    doc: 'Starts collecting matching logs, to be polled with eth_getFilterChanges.',
    parameters: [criteria],
    result: 'filter id',
    run: ({ filters }, wanted) => filters.addLogs(wanted),
  }),
  method({
    name: 'eth_newBlockFilter',
    doc: 'Starts collecting hashes of new canonical blocks.',
    result: 'filter id',
    run: ({ filters }) => filters.addBlocks(),
  }),
  method({
    name: 'eth_newPendingTransactionFilter',
    doc: 'Starts collecting transactions that enter the pool, as hashes or (full) whole.',
    parameters: [optional('full', boolean, false)],
    result: 'filter id',
    run: ({ filters }, isFull) => filters.addTransactions(isFull),
  }),
  method({
    name: 'eth_getFilterChanges',
    doc: 'What came since the last call; logs of blocks that a reorganisation left come again with removed: true.',
    parameters: [filterId],
    result: 'a list of hashes, transactions or logs',
    run: ({ filters, size }, id) => filters.changes(id, size),
  }),
  method({
    name: 'eth_getFilterLogs',
    doc: 'Every log that a log filter matches, as eth_getLogs would answer.',
    parameters: [filterId],
    result: 'a list of logs',
    run: ({ filters, size }, id) => filters.logs(id, size),
  }),
  method({
    name: 'eth_uninstallFilter',
    doc: 'Forgets a filter.',
    parameters: [filterId],
    result: 'whether there was one',
    run: ({ filters }, id) => filters.remove(id),
  }),
  method({
    name: 'eth_subscribe',
    doc: 'Pushes newHeads, logs, newPendingTransactions or transactionReceipts over this WebSocket as eth_subscription notifications.',
    parameters: [required('topic', text), optional('options', anything, undefined)],
    result: 'subscription id',
    run({ subscriptions, afterReply }, name, options) {
      const topic = decodeTopic(name, options);
      if (subscriptions === null) throw new RpcError(RPC_CODES.methodNotFound, 'rpc/no-notifications', 'notifications not supported');
      const id = subscriptions.add(topic);
      afterReply(() => subscriptions.release(id));
      return id;
    },
  }),
  method({
    name: 'eth_unsubscribe',
    doc: 'Ends a subscription of this WebSocket.',
    parameters: [required('subscriptionId', text)],
    result: 'true',
    run({ subscriptions }, id) {
      if (subscriptions?.remove(id) !== true) throw refused('rpc/subscription-not-found', 'subscription not found');
      return true;
    },
  }),
];

function decodeTopic(name: string, options: Json | undefined): Topic {
  const place = { argument: 1, path: 'options' };
  switch (name) {
    case 'newHeads':
      return { type: 'newHeads' };
    case 'newPendingTransactions':
      return { type: 'newPendingTransactions', full: options === undefined ? false : boolean.decode(options, place) };
    case 'transactionReceipts': {
      const { transactionHashes = [] } = receiptFilter.decode(options ?? {}, place);
      return { type: 'transactionReceipts', hashes: new Set(transactionHashes) };
    }
    case 'logs':
      return { type: 'logs', matcher: new LogMatcher(logCriteria.decode(options ?? {}, place).query) };
    default:
      throw new RpcError(
        RPC_CODES.methodNotFound,
        'rpc/unknown-topic',
        `no ${JSON.stringify(name.slice(0, 64))} subscription in eth namespace`,
      );
  }
}
