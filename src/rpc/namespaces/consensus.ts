/** consensus_: what the operator of a permissioned network asks of its members. What a member knows is in `synod_status`. */
import { RuleError } from '../../base/errors.ts';
import type { Json } from '../../base/types.ts';
import type { Backend } from '../backend.ts';
import { type Codec, mismatch } from '../codecs.ts';
import { type Method, method, optional, required } from '../method.ts';
import { nodeId } from '../node-id.ts';

/** Engines whose members are named; under the others nobody is asked for leave. */
export const permissioned = { available: ({ engineName }: Backend) => engineName !== 'pow' && engineName !== 'pos' };

const MAX_LISTED = 255;
const MEMBER_FORM = 'objects { node, publicKey, proofOfPossession }';

const object: Codec<{ readonly [field: string]: Json }> = {
  expected: 'an object',
  decode(value, place) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as { readonly [field: string]: Json };
    throw mismatch(place, object.expected, value);
  },
};

function listOf<T>(item: Codec<T>, expected: string): Codec<readonly T[]> {
  return {
    expected,
    decode(value, place) {
      if (!Array.isArray(value) || value.length === 0 || value.length > MAX_LISTED) throw mismatch(place, expected, value);
      return value.map((each: Json, i) => item.decode(each, { ...place, path: `${place.path}[${i}]` }));
    },
  };
}

const isForced: Codec<boolean> = {
  expected: 'true or false',
  decode(value, place) {
    if (typeof value === 'boolean') return value;
    throw mismatch(place, isForced.expected, value);
  },
};

/** Who would decide. */
interface Plan {
  readonly members: readonly string[];
  readonly quorum: number;
}

type Values = { readonly [key: string]: Json };

/** Refuses what would leave too few of the members-to-be connected: nobody could undo it then (etcd's strict reconfiguration check). */
async function change(backend: Backend, command: string, values: Values, force: boolean): Promise<Json> {
  const plan = force ? null : await backend.askEngine('plan', { command, ...values });
  if (plan !== null) checkAlive(backend, plan as unknown as Plan);
  return backend.askEngine(command, values);
}

function checkAlive({ network }: Backend, { members, quorum }: Plan): void {
  if (members.length === 1) {
    const message = `One member would be left, ${members[0]}: its loss would stop the network, and nobody else could say what was decided. Keep two others, or force it.`;
    throw new RuleError('consensus/last-member', message, { members: 1 });
  }
  const here = new Set<string>([network.self.id, ...network.peers().map(({ id }) => id)]);
  const alive = members.filter((node) => here.has(node)).length;
  if (alive >= quorum) return;
  throw new RuleError(
    'consensus/not-alive',
    `Of the ${members.length} members that there would be, ${alive} are connected to this node, and it takes ${quorum} to decide anything: the network would stand still. Connect them first, or force it.`,
    { alive, quorum },
  );
}

/** Of what nobody has seen yet, nobody knows that it can follow; of a key without proof, that anybody has it (and it could be in the list for ever). */
function checkCandidates({ network }: Backend, members: readonly { readonly [field: string]: Json }[]): void {
  const here = new Set<Json | undefined>([network.self.id, ...network.peers().map(({ id }) => id)]);
  for (const { node, proofOfPossession } of members) {
    if (!here.has(node)) {
      const message = `The node ${JSON.stringify(node ?? null)} is not connected to this one; a member follows the chain before it is added. Check its peer id, start it, or force it.`;
      throw new RuleError('consensus/not-connected', message);
    }
    if (proofOfPossession === undefined) {
      const message = `Member ${node} comes without a proof that the key is its own (proofOfPossession). \`synod genesis member\` on that node prints it; give it, or force it.`;
      throw new RuleError('consensus/possession', message);
    }
  }
}

const FORCE = optional('force', isForced, false);
const CHANGE_DOC =
  'Where members only crash, one approval is enough, and the answer comes when it has come about; where they may lie, each operator of a quorum gives the same command.';

export const CONSENSUS: readonly Method[] = [
  method({
    ...permissioned,
    name: 'consensus_status',
    doc: "The engine's own picture of this member: role, round, leader, what is decided, and how far the others are.",
    result: 'an object',
    run: ({ backend }) => backend.askEngine('status'),
  }),
  method({
    ...permissioned,
    name: 'consensus_transfer',
    doc: 'Hands the leadership of this node over to another member; answers once it has changed hands. Engines with leaders only.',
    parameters: [required('member', nodeId)],
    result: 'null',
    async run({ backend }, to) {
      await backend.askEngine('transfer', { to });
      return null;
    },
  }),
  method({
    ...permissioned,
    name: 'consensus_settings',
    doc: 'The settings of the engine at work, as in a genesis file, with the members that decide now.',
    result: 'an object',
    run: ({ backend }) => backend.askEngine('settings'),
  }),
  method({
    ...permissioned,
    name: 'consensus_add',
    doc: `Adds members. ${CHANGE_DOC}`,
    parameters: [required('members', listOf(object, `a list of ${MEMBER_FORM}`)), FORCE],
    result: 'an object: the phase that has begun, or how many have approved',
    async run({ backend }, members, force) {
      if (!force) checkCandidates(backend, members);
      return await change(backend, 'add', { members: [...members] }, force);
    },
  }),
  method({
    ...permissioned,
    name: 'consensus_remove',
    doc: `Removes members; their nodes go on as followers. ${CHANGE_DOC}`,
    parameters: [required('nodes', listOf(nodeId, 'a list of peer ids')), FORCE],
    result: 'an object: the phase that has begun, or how many have approved',
    run: ({ backend }, nodes, force) => change(backend, 'remove', { nodes: [...nodes] }, force),
  }),
  method({
    ...permissioned,
    name: 'consensus_transition',
    doc: `Goes on with another engine, or with other settings: an engine object as in a genesis file. ${CHANGE_DOC}`,
    parameters: [required('engine', object), FORCE],
    result: 'an object: the phase that has begun, or how many have approved',
    run: ({ backend }, engine, force) => change(backend, 'transition', { engine }, force),
  }),
];
