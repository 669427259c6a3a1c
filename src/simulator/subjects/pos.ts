/** Proof-of-stake in the simulator: signatures are tags, stake is drawn, and slots are those of a small network. */
import { posEngine } from '../../consensus/pos/engine.ts';
import { parseSettings } from '../../consensus/pos/settings.ts';
import { COMMON_BEHAVIOURS } from '../behaviours/common.ts';
import { traced } from '../marks.ts';
import type { EngineJson, Subject } from '../subject.ts';
import { addressOfAccount } from '../transfers.ts';

const KEYS_PER_NODE = 4;
const MAX_STAKE_FACTOR = 3;
const MINIMUM_DEPOSIT_ETHER = 32;
/** Votes of an epoch, its end, and the same again: what a quorum in peace needs to finalize, with the time that a wrong clock costs. */
const FINALITY_EPOCHS = 12;

export const posSubject: Subject = {
  name: 'pos',
  create: (params, node, _proofs, signatures) => posEngine({ params, settings: parseSettings(params.engine.settings), signatures }, node),
  drawSettings: (random, nodes, keys) => ({
    slotSeconds: random.pick([1, 2, 6]),
    slotsPerEpoch: random.pick([4, 8]),
    minimumDepositEther: MINIMUM_DEPOSIT_ETHER,
    validators: nodes.flatMap((_, identity) =>
      Array.from({ length: KEYS_PER_NODE }, (_, index) => ({
        publicKey: keys.signer(identity, index).publicKey,
        depositor: addressOfAccount(identity),
        stakeEther: MINIMUM_DEPOSIT_ETHER * (1 + random.below(MAX_STAKE_FACTOR)),
      })),
    ),
  }),
  keysPerNode: KEYS_PER_NODE,
  difficulty: () => 0n,
  blockMs: (settings) => 1_000 * parseSettings(settings).slotSeconds,
  quorum: (nodes) => Math.floor((2 * nodes) / 3) + 1,
  maxTimeoutMs,
  invariants: [],
  marks: [traced('an orphan', 'orphan'), traced('an early block', 'early'), traced('a reorganisation', 'reorg')],
  tolerates: (nodes) => Math.floor((nodes - 1) / 3),
  behaviours: new Map([...COMMON_BEHAVIOURS]),
};

function maxTimeoutMs(settings: EngineJson): number {
  const { slotSeconds, slotsPerEpoch } = parseSettings(settings);
  return (1_000 * slotSeconds * slotsPerEpoch * FINALITY_EPOCHS) / 10;
}
