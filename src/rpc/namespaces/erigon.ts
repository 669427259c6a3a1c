/** erigon_: the little of Erigon's own namespace that Otterscan and its kind ask for. */
import { toQuantity } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { blockNumber, findHeader, orHeight } from '../block-ref.ts';
import { hash } from '../codecs.ts';
import { headerJson } from '../format/block.ts';
import { type Method, method, required } from '../method.ts';

export const ERIGON: readonly Method[] = [
  method({
    name: 'erigon_getHeaderByNumber',
    doc: 'A canonical header by height or tag.',
    parameters: [required('block', orHeight(blockNumber))],
    result: 'a header, or null',
    run: ({ backend }, ref) => shown(findHeader(backend.chain, ref)),
  }),
  method({
    name: 'erigon_getHeaderByHash',
    doc: 'A header by its hash, canonical or not.',
    parameters: [required('blockHash', hash)],
    result: 'a header, or null',
    run: ({ backend }, blockHash) => shown(backend.chain.header(blockHash)),
  }),
  method({
    name: 'erigon_blockNumber',
    doc: 'The height of the canonical head.',
    result: 'quantity',
    run: ({ backend }) => toQuantity(backend.chain.head.header.number),
  }),
];

function shown(node: HeaderNode | undefined): Json {
  return node === undefined ? null : headerJson(node.header, node.hash);
}
