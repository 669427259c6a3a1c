/** eth_config (EIP-7910) and eth_capabilities: which rules the node follows and which history it has. */
import { toQuantity } from '../../../base/bytes.ts';
import type { Json } from '../../../base/types.ts';
import { blobRulesAt } from '../../../chain/blobs.ts';
import { type Fork, forkAt, isAtLeast } from '../../../chain/params.ts';
import { BEACON_ROOTS, BLOCK_HASHES, CONSOLIDATION_REQUESTS, WITHDRAWAL_REQUESTS } from '../../../execution/system-contracts.ts';
import type { Backend } from '../../backend.ts';
import { forkId, forkTimes } from '../../fork-id.ts';
import { type Method, method } from '../../method.ts';

/** By the names of EIP-7910, with the fork that brought each. */
const PRECOMPILES: readonly (readonly [name: string, place: number, since: Fork])[] = [
  ['ECREC', 0x01, 'frontier'],
  ['SHA256', 0x02, 'frontier'],
  ['RIPEMD160', 0x03, 'frontier'],
  ['ID', 0x04, 'frontier'],
  ['MODEXP', 0x05, 'byzantium'],
  ['BN254_ADD', 0x06, 'byzantium'],
  ['BN254_MUL', 0x07, 'byzantium'],
  ['BN254_PAIRING', 0x08, 'byzantium'],
  ['BLAKE2F', 0x09, 'istanbul'],
  ['KZG_POINT_EVALUATION', 0x0a, 'cancun'],
  ['BLS12_G1ADD', 0x0b, 'prague'],
  ['BLS12_G1MSM', 0x0c, 'prague'],
  ['BLS12_G2ADD', 0x0d, 'prague'],
  ['BLS12_G2MSM', 0x0e, 'prague'],
  ['BLS12_PAIRING_CHECK', 0x0f, 'prague'],
  ['BLS12_MAP_FP_TO_G1', 0x10, 'prague'],
  ['BLS12_MAP_FP2_TO_G2', 0x11, 'prague'],
  ['P256VERIFY', 0x100, 'osaka'],
];

/** A network without blobs: none are allowed, and the price moves as slowly as it likes. */
const NO_BLOBS = { target: 0, max: 0, baseFeeUpdateFraction: 5_007_716 };

export const CONFIG_METHODS: readonly Method[] = [
  method({
    name: 'eth_config',
    doc: 'The rules in force, those that come next and the last that are known (EIP-7910).',
    result: 'an object with current, next and last; next and last are null where nothing more is to come',
    run({ backend }) {
      const { header } = backend.chain.head;
      const times = forkTimes(backend.params, backend.chain.genesis.header.timestamp);
      const next = times.find((time) => time > header.timestamp);
      return {
        current: rulesAt(backend, times.findLast((time) => time <= header.timestamp) ?? 0),
        next: next === undefined ? null : rulesAt(backend, next),
        last: next === undefined ? null : rulesAt(backend, times.at(-1) ?? next),
      };
    },
  }),
  method({
    name: 'eth_capabilities',
    doc: 'Which history the node can answer for: all of it, since nothing is ever deleted.',
    result: 'an object with head, state, tx, logs, receipts, blocks and stateproofs',
    run({ backend }) {
      const { hash, header } = backend.chain.head;
      const whole = { disabled: false, oldestBlock: '0x0' };
      return {
        head: { number: toQuantity(header.number), hash },
        state: whole,
        tx: whole,
        logs: whole,
        receipts: whole,
        blocks: whole,
        stateproofs: whole,
      };
    },
  }),
];

function rulesAt({ params, chain }: Backend, time: number): Json {
  const fork = forkAt(params.forks, Number.MAX_SAFE_INTEGER, time);
  const blobs = params.blobs && blobRulesAt(params.blobs, time);
  const precompiles = PRECOMPILES.filter(([, , since]) => isAtLeast(fork, since));
  return {
    activationTime: time,
    blobSchedule: blobs === undefined ? NO_BLOBS : { target: blobs.target, max: blobs.max, baseFeeUpdateFraction: blobs.updateFraction },
    chainId: toQuantity(params.chainId),
    forkId: forkId(params, chain.genesis.header.timestamp, time),
    precompiles: Object.fromEntries(precompiles.map(([name, place]) => [name, `0x${place.toString(16).padStart(40, '0')}`]).sort()),
    systemContracts: {
      ...(isAtLeast(fork, 'cancun') && { BEACON_ROOTS_ADDRESS: BEACON_ROOTS }),
      ...(isAtLeast(fork, 'prague') && {
        CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS: CONSOLIDATION_REQUESTS,
        ...(params.depositContract !== undefined && { DEPOSIT_CONTRACT_ADDRESS: params.depositContract }),
        HISTORY_STORAGE_ADDRESS: BLOCK_HASHES,
        WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS: WITHDRAWAL_REQUESTS,
      }),
    },
  };
}
