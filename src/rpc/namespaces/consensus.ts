/** consensus_: what the operator of a permissioned network asks of its members. What a member knows is in `synod_status`. */
import type { Backend } from '../backend.ts';
import { type Method, method, required } from '../method.ts';
import { nodeId } from '../node-id.ts';

/** Engines whose members are named; under the others nobody is asked for leave. */
export const permissioned = { available: ({ engineName }: Backend) => engineName !== 'pow' && engineName !== 'pos' };

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
];
