/** Proof-of-work in the simulator: no hashing (`sealer.ts`), settings drawn around those of a small network. */
import { powEngine } from '../../consensus/pow/engine.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import { POW_BEHAVIOURS } from '../behaviours/pow.ts';
import { commonPrefix } from '../checkers/common-prefix.ts';
import { bounded } from '../checkers/pow-bounds.ts';
import { bitsExact, oneEncoding, proven, timeBounds, workExact } from '../checkers/pow-headers.ts';
import { headIsMaxWork, workMonotone } from '../checkers/work.ts';
import { traced } from '../marks.ts';
import type { EngineJson, Subject } from '../subject.ts';

const BLOCK_TIMES_SECONDS = [2, 5, 10, 15];
/** The shortest pause that the settings allow, in block times and with the greatest future limit. */
const PAUSE_BLOCKS = 20;

export const powSubject: Subject = {
  name: 'pow',
  create: (params, node, proofs) => powEngine({ params, settings: parseSettings(params.engine.settings), checkProof: proofs.check }, node),
  drawSettings: (random) => {
    const blockTimeSeconds = random.pick(BLOCK_TIMES_SECONDS);
    const pauses = random.chance(0.5);
    return {
      blockTimeSeconds,
      pauseAfterSeconds: pauses ? PAUSE_BLOCKS * blockTimeSeconds : 0,
      minimumDifficulty: 50,
      blockRewardWei: 5,
    };
  },
  keysPerNode: 0,
  difficulty: (settings, hashRate) => BigInt(Math.max(1, Math.round(hashRate * (blockMs(settings) / 1_000)))),
  blockMs,
  quorum: () => 1,
  invariants: [workMonotone, headIsMaxWork, commonPrefix, bitsExact, workExact, timeBounds, proven, oneEncoding, bounded],
  marks: [
    traced('an orphan', 'orphan'),
    traced('an early block', 'early'),
    traced('a block of too little work', 'ignored', ({ code }) => code === 'pow/low-work'),
    traced('a template was abandoned', 'abandoned'),
    {
      name: 'an easy block after a pause',
      watch: () => (observation) => observation.type === 'head' && observation.head.facts.carried > 0n,
    },
  ],
  // More by number: what counts is hash power, which the options draw, and a majority of it is reported as such.
  tolerates: (nodes) => Math.floor((nodes - 1) / 2),
  behaviours: new Map([...COMMON_BEHAVIOURS, [TWIN, twin], ...POW_BEHAVIOURS]),
};

function blockMs(settings: EngineJson): number {
  return 1_000 * parseSettings(settings).blockTimeSeconds;
}
