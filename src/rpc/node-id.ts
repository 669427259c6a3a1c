/** A node as a parameter: its peer id. */
import { NodeId } from '../base/types.ts';
import { type Codec, mismatch, text } from './codecs.ts';

const MAX_CHARACTERS = 128;

export const nodeId: Codec<NodeId> = {
  expected: 'a peer id',
  decode(value, place) {
    const id = text.decode(value, place);
    if (id.length === 0 || id.length > MAX_CHARACTERS) throw mismatch(place, nodeId.expected, value);
    return NodeId(id);
  },
};
