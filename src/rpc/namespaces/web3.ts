/** web3_: the client itself. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { toHex } from '../../base/bytes.ts';
import { data } from '../codecs.ts';
import { type Method, method, required } from '../method.ts';

export const WEB3: readonly Method[] = [
  method({
    name: 'web3_clientVersion',
    doc: 'Name, version and platform of the node.',
    result: 'string',
    run: ({ backend }) => backend.clientVersion,
  }),
  method({
    name: 'web3_sha3',
    doc: 'The Keccak-256 of some bytes (not the standard SHA3-256).',
    parameters: [required('data', data)],
    result: 'hash',
    run: (_, bytes) => toHex(keccak_256(bytes)),
  }),
];
