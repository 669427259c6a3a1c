/**
 * RANDAO (consensus-specs phase0 "process_randao", "get_randao_mix", "get_seed"). A proposer's key has committed it to one
 * signature of each epoch; the mix of all that were revealed decides, two epochs later, who votes and who proposes.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { present } from '../../base/assert.ts';
import { concatBytes, fromHex, hashOf } from '../../base/bytes.ts';
import type { Signature } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import { RANDAO_EPOCHS, SEED_LOOKAHEAD_EPOCHS } from './settings.ts';
import type { Epoch, StakeState } from './types.ts';

/** What a seed is for ("DOMAIN_BEACON_PROPOSER", "DOMAIN_BEACON_ATTESTER"). */
export const PROPOSER_SEED = 0;
export const COMMITTEE_SEED = 1;

/** The mix at the end of an epoch, or so far in the current one. */
export function randaoMix(state: Pick<StakeState, 'randaoMixes'>, epoch: Epoch): Hash {
  return present(state.randaoMixes[epoch % RANDAO_EPOCHS], 'a RANDAO mix');
}

/** The mixes after a reveal in this epoch. */
export function withReveal(mixes: readonly Hash[], epoch: Epoch, reveal: Signature): readonly Hash[] {
  const mix = fromHex(randaoMix({ randaoMixes: mixes }, epoch));
  const revealed = sha256(reveal);
  return mixes.with(epoch % RANDAO_EPOCHS, hashOf(mix.map((byte, i) => byte ^ (revealed[i] ?? 0))));
}

/** "get_seed": 32 bytes, fixed for an epoch when the one before it begins. */
export function seedOf(state: StakeState, epoch: Epoch, purpose: typeof PROPOSER_SEED | typeof COMMITTEE_SEED): Uint8Array {
  return sha256(concatBytes(littleEndian(purpose, 4), littleEndian(epoch, 8), fromHex(seedMix(state, epoch))));
}

/** The mix that the seeds of an epoch are made of. */
export function seedMix(state: StakeState, epoch: Epoch): Hash {
  return randaoMix(state, epoch + RANDAO_EPOCHS - SEED_LOOKAHEAD_EPOCHS - 1);
}

/** "uint_to_bytes" */
export function littleEndian(value: number, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  let rest = value;
  for (let i = 0; rest > 0; i++) {
    out[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return out;
}
