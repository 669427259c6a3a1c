/**
 * synod_: what other clients have no word for. Faults stand in a namespace of their own for `--http.api`: they exist
 * only on a network that was started for tests, and even there not on a port that was not asked for them.
 */
import { toHex } from '../../base/bytes.ts';
import { NodeId } from '../../base/types.ts';
import type { Backend, FaultControl } from '../backend.ts';
import { type Codec, hash, list, mismatch, number, text } from '../codecs.ts';
import { methodNotFound } from '../errors.ts';
import { type Method, method, optional, required } from '../method.ts';

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

/** Questions that the engine answers itself; they exist under proof-of-stake only. */
const stake = { available: ({ engineName }: Backend) => engineName === 'pos' };

const fault = { namespace: 'fault', available: ({ faults }: Backend) => faults !== null };

export const SYNOD: readonly Method[] = [
  method({
    name: 'synod_status',
    doc: 'The state of this node for people and scripts: engine, head, finality, peers, mining.',
    result: 'an object',
    run: ({ backend }) => backend.status(),
  }),
  method({
    ...stake,
    name: 'synod_getValidators',
    doc: 'Every validator: key, depositor, status, balances in gwei, epochs of activation, exit and withdrawal.',
    result: 'a list of objects',
    run: ({ backend }) => backend.askEngine('getValidators'),
  }),
  method({
    ...stake,
    name: 'synod_getDuties',
    doc: 'Who proposes and who votes in each slot of the current epoch, or of the next one.',
    parameters: [optional('epoch', number, undefined)],
    result: 'an object',
    run: ({ backend }, epoch) => backend.askEngine('getDuties', epoch === undefined ? {} : { epoch }),
  }),
  method({
    ...stake,
    name: 'synod_getVotes',
    doc: 'The votes that this node holds, added up, the newest slot first.',
    result: 'a list of objects',
    run: ({ backend }) => backend.askEngine('getVotes'),
  }),
  method({
    ...stake,
    name: 'synod_getCheckpoints',
    doc: 'The current slot and epoch, and the justified and the finalized checkpoint.',
    result: 'an object',
    run: ({ backend }) => backend.askEngine('getCheckpoints'),
  }),
  method({
    ...stake,
    name: 'synod_getParticipation',
    doc: 'What part of the stake voted in this epoch and in the one before, and how long finality has been away.',
    result: 'an object',
    run: ({ backend }) => backend.askEngine('getParticipation'),
  }),
  method({
    ...stake,
    name: 'synod_getSlashings',
    doc: 'Validators that were slashed, and evidence that waits for a block.',
    result: 'an object',
    run: ({ backend }) => backend.askEngine('getSlashings'),
  }),
  method({
    name: 'synod_getCertificate',
    doc: "The engine's proof that a block is final; null where this node has none for it.",
    parameters: [required('blockHash', hash)],
    result: 'bytes or null',
    run({ backend }, blockHash) {
      const certificate = backend.chain.certificate(blockHash);
      return certificate === undefined ? null : toHex(certificate);
    },
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
