/**
 * Faults stand in a namespace of their own for `--http.api`: they exist only on a network that was started for tests, and even
 * there not on a port that was not asked for them. `synod testnet` calls them with the operator's token.
 */
import type { Json } from '../../base/types.ts';
import type { Backend, FaultControl, NodeFaults } from '../backend.ts';
import { boolean, type Codec, list, mismatch, object } from '../codecs.ts';
import { invalidParams, methodNotFound } from '../errors.ts';
import { type Method, method, optional, required } from '../method.ts';
import { nodeId } from '../node-id.ts';

const MAX_PEERS = 1_024;
const MAX_DELAY_MS = 60_000;
/** A month: blocks from further away are refused anyway. */
const MAX_CLOCK_OFFSET_MS = 30 * 24 * 3_600_000;

function between(low: number, high: number): Codec<number> {
  const expected = `a number from ${low} to ${high}`;
  return {
    expected,
    schema: { type: 'number', minimum: low, maximum: high },
    decode(value, place) {
      if (typeof value !== 'number' || !(value >= low && value <= high)) throw mismatch(place, expected, value);
      return value;
    },
  };
}

const lie: Codec<'proposal' | 'vote'> = {
  expected: '"proposal" or "vote"',
  schema: { enum: ['proposal', 'vote'] },
  decode(value, place) {
    if (value !== 'proposal' && value !== 'vote') throw mismatch(place, lie.expected, value);
    return value;
  },
};

const link = object('a link', {
  from: nodeId,
  isCut: boolean,
  delayMs: between(0, MAX_DELAY_MS),
  jitterMs: between(0, MAX_DELAY_MS),
  loss: between(0, 1),
});
const faults = object('what is wrong', {
  allowed: list(nodeId, MAX_PEERS),
  links: list(link, MAX_PEERS),
  clockOffsetMs: between(-MAX_CLOCK_OFFSET_MS, MAX_CLOCK_OFFSET_MS),
  isIdle: boolean,
  isWithholding: boolean,
});

const fault = { namespace: 'fault', available: (backend: Backend) => backend.faults !== null, result: 'true' };

export const FAULT: readonly Method[] = [
  method({
    ...fault,
    name: 'synod_partition',
    doc: 'Test networks only: talk to these peers and nobody else.',
    parameters: [required('allowed', list(nodeId, MAX_PEERS))],
    run: ({ backend }, allowed) => done(control(backend).partition(allowed)),
  }),
  method({
    ...fault,
    name: 'synod_heal',
    doc: 'Test networks only: end every fault; talk to every peer again.',
    run: ({ backend }) => done(control(backend).heal()),
  }),
  method({
    ...fault,
    name: 'synod_setFaults',
    doc: 'Test networks only: everything that is wrong with this node, at once; what is not named is well.',
    parameters: [required('faults', faults)],
    run: ({ backend }, given) => done(control(backend).set(complete(given))),
  }),
  method({
    ...fault,
    name: 'synod_equivocate',
    doc: 'Test networks only: sign two blocks of one height, or two votes for one epoch or view, at the next opportunity. Under proof-of-stake it costs the stake.',
    parameters: [optional('what', lie, 'proposal' as const)],
    run: ({ backend }, what) => done(control(backend).equivocate(what)),
  }),
];

async function done(work: void | Promise<void>): Promise<Json> {
  await work;
  return true;
}

/** Throws RpcError -32602 for a link without a peer, and for a peer that is named twice. */
function complete(given: ReturnType<typeof faults.decode>): NodeFaults {
  const { allowed = null, links = [], clockOffsetMs = 0, isIdle = false, isWithholding = false } = given;
  const whole = links.map(wholeLink);
  if (new Set(whole.map(({ from }) => from)).size < whole.length) throw invalidParams('faults.links: a peer is named twice');
  return { allowed, links: whole, clockOffsetMs, isIdle, isWithholding };
}

function wholeLink({
  from,
  isCut = false,
  delayMs = 0,
  jitterMs = 0,
  loss = 0,
}: ReturnType<typeof link.decode>): NodeFaults['links'][number] {
  if (from === undefined) throw invalidParams('faults.links: a link without `from`, the peer whose messages it is about');
  return { from, isCut, delayMs, jitterMs, loss };
}

function control({ faults: given }: Backend): FaultControl {
  if (given === null) throw methodNotFound('synod_setFaults');
  return given;
}
