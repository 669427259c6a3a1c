/**
 * synod_: what other clients have no word for. Faults stand in a namespace of their own for `--http.api`: they exist
 * only on a network that was started for tests, and even there not on a port that was not asked for them.
 */
import { NodeId } from '../../base/types.ts';
import type { Backend, FaultControl } from '../backend.ts';
import { type Codec, list, mismatch, text } from '../codecs.ts';
import { methodNotFound } from '../errors.ts';
import { type Method, method, required } from '../method.ts';

const MAX_PEERS = 1_024;
const MAX_NODE_ID_CHARACTERS = 128;

const nodeId: Codec<NodeId> = {
  expected: 'a peer id',
  decode(value, place) {
    const id = text.decode(value, place);
    if (id.length === 0 || id.length > MAX_NODE_ID_CHARACTERS) throw mismatch(place, nodeId.expected, value);
    return NodeId(id);
  },
};

const fault = { namespace: 'fault', available: ({ faults }: Backend) => faults !== null };

export const SYNOD: readonly Method[] = [
  method({
    name: 'synod_status',
    doc: 'The state of this node for people and scripts: engine, head, finality, peers, mining.',
    result: 'an object',
    run: ({ backend }) => backend.status(),
  }),
  method({
    ...fault,
    name: 'synod_partition',
    doc: 'Test networks only: talk to these peers and nobody else.',
    parameters: [required('allowed', list(nodeId, MAX_PEERS))],
    result: 'true',
    async run({ backend }, allowed) {
      await control(backend).partition(allowed);
      return true;
    },
  }),
  method({
    ...fault,
    name: 'synod_heal',
    doc: 'Test networks only: talk to every peer again.',
    result: 'true',
    async run({ backend }) {
      await control(backend).heal();
      return true;
    },
  }),
];

function control({ faults }: Backend): FaultControl {
  if (faults === null) throw methodNotFound('synod_partition');
  return faults;
}
