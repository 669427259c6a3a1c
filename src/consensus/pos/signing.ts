/**
 * What is signed (consensus-specs phase0 "compute_signing_root", "compute_domain", in RLP and keccak instead of SSZ). Every
 * message names what it is, the chain by genesis hash and id, the engine and the epoch, so that a signature is good for one
 * purpose on one chain. Deposits are signed in the form that the staking contract can check: `contract.ts`, `proofMessage`.
 */
import { fromHex } from '../../base/bytes.ts';
import { keccak256 } from '../../base/keccak.ts';
import type { Hash } from '../../base/types.ts';
import type { ChainParams } from '../../chain/params.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { attestationDataFields } from './codec.ts';
import { rememberedOfTwo } from './memo.ts';
import type { AttestationData, Epoch, Slot } from './types.ts';

/** Names a chain in a signature. */
export type ChainName = Pick<ChainParams, 'chainId' | 'genesisHash'>;

type Kind = 'proposal' | 'attestation' | 'randao' | 'selection';

const utf8 = new TextEncoder();
const ENGINE = utf8.encode('pos');

/** By the proposer of a block. Names the slot, so that two of them are evidence without their blocks. */
export function proposalRoot(chain: ChainName, epoch: Epoch, slot: Slot, block: Hash): Uint8Array {
  return signingRoot(chain, 'proposal', epoch, [slot, fromHex(block)]);
}

/** By each voter. The epoch is the target's. */
export const attestationRoot = rememberedOfTwo((chain: ChainName, data: AttestationData): Uint8Array => {
  return signingRoot(chain, 'attestation', data.target.epoch, attestationDataFields(data));
});

/** By a proposer: its contribution to RANDAO, the same in the whole epoch. */
export function randaoRoot(chain: ChainName, epoch: Epoch): Uint8Array {
  return signingRoot(chain, 'randao', epoch, []);
}

/** By a voter: says whether it adds up the votes of its committee ("get_slot_signature"). */
export function selectionRoot(chain: ChainName, epoch: Epoch, slot: Slot): Uint8Array {
  return signingRoot(chain, 'selection', epoch, [slot]);
}

/** 32 bytes. */
function signingRoot(chain: ChainName, kind: Kind, epoch: Epoch, fields: readonly RlpValue[]): Uint8Array {
  return keccak256(encodeRlp([utf8.encode(kind), fromHex(chain.genesisHash), chain.chainId, ENGINE, epoch, ...fields]));
}
