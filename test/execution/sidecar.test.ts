/** Blob transactions as they are handed in: with their sidecar, of which only the transaction is kept. */
import { createHash } from 'node:crypto';
import { RLP } from '@ethereumjs/rlp';
import { describe, expect, it } from 'vitest';
import { concatBytes, EMPTY, toHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import type { Hash } from '../../src/base/types.ts';
import { withoutSidecar } from '../../src/execution/sidecar.ts';
import { decodeFields } from '../../src/execution/transaction-codec.ts';
import { asTransaction } from '../../src/execution/unsigned-transaction.ts';
import { ALICE, BOB } from './support.ts';

const BLOB = 3;
const COMMITMENT = new Uint8Array(48).fill(7);

function versionedHash(commitment: Uint8Array): Hash {
  const digest = createHash('sha256').update(commitment).digest();
  digest[0] = 1;
  return toHex(digest) as Hash;
}

const unsigned = {
  chainId: 1n,
  nonce: 0n,
  gasLimit: 21_000n,
  maxFeePerGas: 10n,
  maxPriorityFeePerGas: 1n,
  gasPrice: null,
  to: BOB.address,
  value: 0n,
  data: EMPTY,
  accessList: [],
  authorizationList: [],
  blobs: { maxFeePerBlobGas: 5n, versionedHashes: [versionedHash(COMMITMENT)] },
};
const { bytes } = asTransaction(unsigned, ALICE.address);
const fields = RLP.decode(bytes.subarray(1)) as Uint8Array[];

/** [fields, (version), blobs, commitments, proofs] */
function networkForm(commitments: Uint8Array[], version: Uint8Array[] = []): Uint8Array {
  return concatBytes(Uint8Array.of(BLOB), RLP.encode([fields, ...version, [new Uint8Array(64)], commitments, [COMMITMENT]]));
}

describe('withoutSidecar', () => {
  it('takes the transaction out of both network forms', () => {
    expect(withoutSidecar(networkForm([COMMITMENT]))).toEqual(bytes);
    expect(withoutSidecar(networkForm([COMMITMENT], [Uint8Array.of(1)]))).toEqual(bytes);
    expect(decodeFields(bytes).fields.blobs).toEqual(unsigned.blobs);
  });

  it('leaves everything else as it is', () => {
    for (const other of [bytes, Uint8Array.of(2, 0xc0), EMPTY]) expect(withoutSidecar(other)).toBe(other);
  });

  it.each([
    ['another commitment', () => networkForm([new Uint8Array(48)])],
    ['one too many', () => networkForm([COMMITMENT, COMMITMENT])],
    ['none', () => networkForm([])],
    ['garbage', () => Uint8Array.of(BLOB, 0xff, 1)],
  ])('refuses %s', (_, make) => {
    expect(() => withoutSidecar(make())).toThrow(RuleError);
  });
});
