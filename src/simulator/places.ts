/** Names of nodes. A place is a node's index; two places may share an id (twins). */
import { NodeId } from '../base/types.ts';

export function placeId(place: number): NodeId {
  return NodeId(`node-${place}`);
}
