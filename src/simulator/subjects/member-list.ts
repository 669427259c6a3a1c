/** Members of a simulated network, as a genesis file names them. Apart, since mutants are planted before the engines are loaded. */
import { toHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/types.ts';
import { possessionMessage } from '../../consensus/members/possession.ts';
import type { EngineJson } from '../subject.ts';
import type { Keys } from '../tags.ts';

/** Every node is a member. */
export function membersOf(nodes: readonly NodeId[], keys: Keys): EngineJson[] {
  return nodes.map((node, identity) => {
    const { publicKey, sign } = keys.signer(identity, 0);
    return { node, publicKey, proofOfPossession: toHex(sign(possessionMessage(publicKey))) };
  });
}
