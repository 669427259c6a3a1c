/** Real keys for the real tier: BLS for validators, secp256k1 for clients. The same ones for everybody; nothing is secret here. */
import type { Address } from '../../base/types.ts';
import { keccak256 } from '../../execution/keccak.ts';
import { blsSignatures, blsSigner } from '../../wallet/bls.ts';
import { addressOfKey } from '../../wallet/private-key.ts';
import type { Keys } from '../tags.ts';

export interface ClientKey {
  readonly secret: Uint8Array;
  readonly address: Address;
}

export const BLS_KEYS: Keys = {
  signatures: blsSignatures,
  signer: (identity, index) => {
    const secret = secretOf(`validator ${identity}/${index}`);
    // Below the order of the group, whose first byte is 0x73.
    secret[0] = 0;
    return blsSigner(secret);
  },
};

export function clientKey(account: number): ClientKey {
  const secret = secretOf(`client ${account}`);
  return { secret, address: addressOfKey(secret) };
}

function secretOf(name: string): Uint8Array {
  return keccak256(new TextEncoder().encode(`synod simulator, ${name}`)).slice();
}
