/**
 * Nodes of test networks: who each is, and its key as a member (permissioned engines). All of it comes from the network's
 * words, since the genesis file names nodes before the first of them has started.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { toHex } from '../base/bytes.ts';
import type { Json, NodeId } from '../base/types.ts';
import { possessionMessage } from '../consensus/members/possession.ts';
import { nodeIdOf, nodeKeyFromSeed, storeNodeKey } from '../network/node-key.ts';
import { datadirPaths } from '../storage/datadir.ts';
import { blsSigner } from '../wallet/bls.ts';
import { deriveValidatorKeys } from '../wallet/validator-keys.ts';

export async function devNodeId(mnemonic: string, index: number): Promise<NodeId> {
  return nodeIdOf(await nodeKeyFromSeed(devNodeSeed(mnemonic, index)));
}

/** In its datadir; a key that is there already is left as it is. */
export function storeDevNodeKey(datadir: string, mnemonic: string, index: number): void {
  storeNodeKey(datadirPaths(datadir).nodekey, devNodeSeed(mnemonic, index));
}

/** As the genesis file has them. The key of member i is that of validator i of the same words. */
export function devMembers(mnemonic: string, nodes: readonly NodeId[]): { readonly [field: string]: Json }[] {
  const keys = deriveValidatorKeys(mnemonic, nodes.length);
  return nodes.flatMap((node, i) => {
    const key = keys[i];
    if (key === undefined) return [];
    const proof = blsSigner(key.secret).sign(possessionMessage(key.publicKey));
    return [{ node, publicKey: key.publicKey, proofOfPossession: toHex(proof) }];
  });
}

function devNodeSeed(mnemonic: string, index: number): Uint8Array {
  return keccak_256(utf8ToBytes(`synod/dev-node/${index}/${mnemonic}`));
}
