/** Proof-of-work in the simulator: no hashing (`sealer.ts`), settings drawn around those of a small network. */
import type { ChainParams } from '../../chain/params.ts';
import { powEngine } from '../../consensus/pow/engine.ts';
import { nextDifficulty, type PowRules, recentTimes } from '../../consensus/pow/rules.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import { POW_BEHAVIOURS } from '../behaviours/pow.ts';
import { commonPrefix } from '../checkers/common-prefix.ts';
import { bounded, workBeforeStorage } from '../checkers/pow-bounds.ts';
import { bitsExact, oneEncoding, proven, timeBounds, workExact } from '../checkers/pow-headers.ts';
import { headIsMaxWork, workMonotone } from '../checkers/work.ts';
import { traced } from '../marks.ts';
import { miningMeter } from '../meters/mining.ts';
import type { ProofOracle } from '../sealer.ts';
import type { Calm, EngineJson, Subject } from '../subject.ts';

const BLOCK_TIMES_SECONDS = [2, 5, 10, 15];
/** The shortest pause that the settings allow, in block times and with the greatest future limit. */
const PAUSE_BLOCKS = 20;
const UNLUCKY_BLOCKS = 80;

export const powSubject: Subject = {
  name: 'pow',
  create: (params, node, proofs) => powEngine(rulesOf(params, proofs), node),
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
  progressMs,
  invariants: [
    workMonotone,
    headIsMaxWork,
    commonPrefix,
    bitsExact,
    workExact,
    timeBounds,
    proven,
    oneEncoding,
    bounded,
    workBeforeStorage,
  ],
  marks: [
    traced('an orphan', 'orphan'),
    traced('an early block', 'early'),
    traced('a block of too little work', 'ignored', ({ code }) => code === 'pow/low-work'),
    traced('a template was abandoned', 'abandoned'),
    {
      name: 'an easy block after a pause',
      sees: ['head'],
      watch: () => (observation) => observation.type === 'head' && observation.head.facts.carried > 0n,
    },
  ],
  meters: [miningMeter],
  // More by number: what counts is hash power, which the options draw, and a majority of it is reported as such.
  tolerates: (nodes) => Math.floor((nodes - 1) / 2),
  behaviours: new Map([...COMMON_BEHAVIOURS, [TWIN, twin], ...POW_BEHAVIOURS]),
};

const rulesByOracle = new WeakMap<ProofOracle, PowRules>();

/** All nodes of a world have the same rules, as one object: what follows from them alone is worked out for all at once. */
function rulesOf(params: ChainParams, proofs: ProofOracle): PowRules {
  const known = rulesByOracle.get(proofs);
  if (known?.params === params) return known;
  const rules = { params, settings: parseSettings(params.engine.settings), checkProof: proofs.check };
  rulesByOracle.set(proofs, rules);
  return rules;
}

function blockMs(settings: EngineJson): number {
  return 1_000 * parseSettings(settings).blockTimeSeconds;
}

/**
 * Luck has no time-out: the wait for eight proofs exceeds forty times the average of one in one case of 10^10, and half of
 * all blocks may lose a race. The difficulty may be that of a network with many times the hash rate. And nobody mines on a
 * head whose time has not come.
 */
function progressMs({ params, chains, hashRate, wallMs }: Calm): number {
  const rules = { params, settings: parseSettings(params.engine.settings), checkProof: () => undefined };
  const waits = chains.map((chain) => {
    const times = recentTimes(chain.head, chain);
    const hashes = nextDifficulty(rules, chain.head, chain, times, times.median + 1);
    const aheadMs = Math.max(0, 1_000 * chain.head.header.timestamp - wallMs);
    return aheadMs + UNLUCKY_BLOCKS * Math.max(blockMs(params.engine.settings), (1_000 * Number(hashes)) / Math.max(1, hashRate));
  });
  return Math.max(0, ...waits);
}
