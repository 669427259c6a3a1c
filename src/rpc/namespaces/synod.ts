/** synod_: what other clients have no word for. Faults have a file of their own (`fault.ts`). */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Hex } from '../../base/types.ts';
import { encodeLightBlock } from '../../chain/light-block.ts';
import type { Backend } from '../backend.ts';
import { type Codec, count, hash, mismatch, number } from '../codecs.ts';
import { forksOf } from '../forks.ts';
import type { ReplySize } from '../limits.ts';
import { type Method, method, optional, required } from '../method.ts';
import { permissioned } from './consensus.ts';
import { FAULT } from './fault.ts';

/** In one reply. The last block that is begun is sent whole. */
const MAX_LIGHT_BLOCKS = 256;
const MAX_LIGHT_BYTES = 4 * 1024 * 1024;

/** How far below the head tips are looked for. */
const DEFAULT_FORK_DEPTH = 256;
const MAX_FORK_DEPTH = 10_000;
const forkDepth: Codec<number> = {
  expected: `a number of blocks from 1 to ${MAX_FORK_DEPTH}`,
  schema: { ...count.schema, minimum: 1, maximum: MAX_FORK_DEPTH },
  decode(value, place) {
    const depth = Number(count.decode(value, place));
    if (depth < 1 || depth > MAX_FORK_DEPTH) throw mismatch(place, forkDepth.expected, value);
    return depth;
  },
};

/** Names are not said with every moment: an hour of them is 30 kB like this. */
const MOMENT_FIELDS = ['timeMs', 'head', 'finalized', 'hashesPerSecond', 'participation'] as const;

/** Questions that the engine answers itself; they exist under proof-of-stake only. */
const stake = { available: ({ engineName }: Backend) => engineName === 'pos' };

export const SYNOD: readonly Method[] = [
  method({
    name: 'synod_status',
    doc: 'The state of this node for people and scripts: engine, head, finality, peers, mining.',
    result: 'an object',
    run: ({ backend }) => backend.status(),
  }),
  method({
    name: 'synod_getHistory',
    doc: 'What only passing moments show, of the last hour at most and since the start: for charts. Oldest first.',
    result:
      'an object with intervalMs, fields and moments: a list for each moment, in the order of the fields (timeMs, head, finalized, hashesPerSecond, participation; the last is null where nobody counts votes)',
    run: ({ backend: { history } }) => ({
      intervalMs: history.intervalMs,
      fields: [...MOMENT_FIELDS],
      moments: history.moments.map((moment) => MOMENT_FIELDS.map((field) => moment[field])),
    }),
  }),
  method({
    name: 'synod_getForks',
    doc: 'The branches of the tree of blocks that this node knows, by their tips, the highest first; that of the head is active.',
    parameters: [optional('depth', forkDepth, DEFAULT_FORK_DEPTH)],
    result: 'a list of objects with number, hash, weight, status (active, executed, stored, invalid), length and root',
    async run({ backend: { chain } }, depth) {
      const forks = await forksOf(chain, depth);
      return forks.map(({ tip, status, length, root }) => ({
        number: toQuantity(tip.header.number),
        hash: tip.hash,
        weight: toQuantity(tip.facts.weight),
        status,
        length,
        root: root === null ? null : toQuantity(root),
      }));
    },
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
    ...stake,
    name: 'synod_getLightBlock',
    doc: 'A block as light verification reads it: the RLP of [header fields, seal, payload]; null where this node has none.',
    parameters: [required('blockHash', hash)],
    result: 'bytes or null',
    run({ backend }, blockHash) {
      const block = backend.chain.block(blockHash);
      return block === undefined ? null : toHex(encodeLightBlock(block));
    },
  }),
  method({
    ...stake,
    name: 'synod_getLightBlocks',
    doc: `Canonical blocks from a height on, each as light verification reads it: at most ${MAX_LIGHT_BLOCKS}, and less where a reply would be too large.`,
    parameters: [required('from', count), required('count', count)],
    result: 'a list of bytes',
    run: ({ backend, size }, from, wanted) => lightBlocks(backend, from, Math.min(Number(wanted), MAX_LIGHT_BLOCKS), size),
  }),
  method({
    ...stake,
    name: 'synod_getConsensusState',
    doc: "The validators' state after a block's parent, to which the block commits; for the last final blocks and those after them.",
    parameters: [required('blockHash', hash)],
    result: 'bytes',
    run: ({ backend }, block) => backend.askEngine('getState', { block }),
  }),
  method({
    ...permissioned,
    name: 'synod_readIndex',
    doc: 'A linearizable read: answers with the head of this node once it shows every write that was acknowledged anywhere before the call.',
    result: 'an object',
    async run({ backend }) {
      await backend.askEngine('read');
      const { hash: head, header } = backend.chain.head;
      return { number: toQuantity(header.number), hash: head };
    },
  }),
  ...FAULT,
];

function lightBlocks({ chain }: Backend, from: bigint, wanted: number, size: ReplySize): Hex[] {
  const found: Hex[] = [];
  let bytes = 0;
  for (let number = Number(from); found.length < wanted && bytes < MAX_LIGHT_BYTES; number++) {
    const canonical = chain.canonical(number);
    const block = canonical === undefined ? undefined : chain.block(canonical);
    if (block === undefined) break;
    const encoded = encodeLightBlock(block);
    bytes += encoded.length;
    size.add(2 * encoded.length);
    found.push(toHex(encoded));
  }
  return found;
}
