/** miner_: mining on this node. It exists only under an engine that mines. */
import { toQuantity } from '../../base/bytes.ts';
import type { Json } from '../../base/types.ts';
import type { Backend, MinerControl } from '../backend.ts';
import { address, type Codec, count, mismatch } from '../codecs.ts';
import { methodNotFound } from '../errors.ts';
import { type Method, method, optional, required } from '../method.ts';

/** The pool's own limit. */
const MAX_THREADS = 256;

const threads: Codec<number> = {
  expected: `a number of threads from 1 to ${MAX_THREADS}`,
  decode(value, place) {
    const wanted = Number(count.decode(value, place));
    if (wanted < 1 || wanted > MAX_THREADS) throw mismatch(place, threads.expected, value);
    return wanted;
  },
};

const available = ({ miner }: Backend) => miner !== null;

export const MINER: readonly Method[] = [
  method({
    name: 'miner_start',
    doc: 'Starts mining, with as many threads as configured or as given.',
    parameters: [optional('threads', threads, undefined)],
    result: 'null',
    available,
    async run({ backend }, wanted): Promise<Json> {
      await control(backend).start(wanted);
      return null;
    },
  }),
  method({
    name: 'miner_stop',
    doc: 'Stops mining.',
    result: 'null',
    available,
    async run({ backend }) {
      await control(backend).stop();
      return null;
    },
  }),
  method({
    name: 'miner_setEtherbase',
    doc: 'Sets where the rewards of the blocks mined from now on go.',
    parameters: [required('address', address)],
    result: 'true',
    available,
    async run({ backend }, beneficiary) {
      await control(backend).setBeneficiary(beneficiary);
      return true;
    },
  }),
  method({
    name: 'miner_hashrate',
    doc: 'Hashes a second of this node.',
    result: 'quantity',
    available,
    run: ({ backend }) => toQuantity(Math.round(control(backend).status().hashrate)),
  }),
];

function control({ miner }: Backend): MinerControl {
  if (miner === null) throw methodNotFound('miner');
  return miner;
}
