/** net_: the network, in the little that Ethereum clients ask of it. */
import { toQuantity } from '../../base/bytes.ts';
import { type Method, method } from '../method.ts';

export const NET: readonly Method[] = [
  method({
    name: 'net_version',
    doc: 'The network id, which is the chain id.',
    result: 'decimal string',
    run: ({ backend }) => String(backend.chainId),
  }),
  method({
    name: 'net_listening',
    doc: 'Whether the node takes connections of peers.',
    result: 'boolean',
    run: ({ backend }) => backend.network.listening,
  }),
  method({
    name: 'net_peerCount',
    doc: 'How many peers are connected.',
    result: 'quantity',
    run: ({ backend }) => toQuantity(backend.network.peers().length),
  }),
];
