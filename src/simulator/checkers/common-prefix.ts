/**
 * CommonPrefix(k): where finality is a matter of probability, no correct node gives up a block that has k others on top of
 * it, as long as the network is whole and the honest have a clear majority. Source: Garay, Kiayias, Leonardos, "The Bitcoin
 * Backbone Protocol" (2015). A network that is cut or slow may undo more, and then nothing is said.
 *
 * What k must be hangs on the adversary's share q: it undoes k blocks with a probability of about r^k, where r = q / (1 - q)
 * (Nakamoto's paper, section 11). With k = 24 that is 4e-7 for q = 0.35, up to which nothing deeper may happen. From there to
 * one half the bound grows with q to where luck is as unlikely again: 37 blocks for 0.4, 75 for 0.45. Honest blocks that were
 * mined before news of the last had come are lost to the honest: with delays D and their rate h, of h there remains
 * h / (1 + h D) (Pass, Seeman, Shelat, 2017), so r is larger by that. Where r is 1 or more the adversary wins in the long run,
 * and nothing can be said; with a majority of the hash power its doing so is reported, as what was to be expected.
 */
import { endMs } from '../faults.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

/** With honest majorities of two thirds and better, a deeper reorganisation is a matter of less than one in a million. */
export const PREFIX_BLOCKS = 24;
const MAJORITY = 0.5;
/** Up to this share of the adversary's, `PREFIX_BLOCKS` are enough. */
const SMALL_SHARE = 0.35;
/** How unlikely a deeper reorganisation has to be: what `PREFIX_BLOCKS` give at `SMALL_SHARE`. */
const LUCK = PREFIX_BLOCKS * Math.log(SMALL_SHARE / (1 - SMALL_SHARE));

/**
 * How many blocks on top of it make a block safe from an adversary of this share, where blocks take so many block times to be
 * known to all; infinitely many where nothing does.
 */
export function prefixBlocks(badShare: number, delay: number): number {
  if (badShare <= SMALL_SHARE) return PREFIX_BLOCKS;
  const ratio = (badShare / (1 - badShare)) * (1 + (1 - badShare) * delay);
  return ratio >= 1 ? Number.POSITIVE_INFINITY : Math.ceil(LUCK / Math.log(ratio));
}

export const commonPrefix: CheckerFactory = ({ isCorrect, badShare, nowMs, report, options, blockMs }) => {
  const { latencyMs, jitterMs, executionMs, diskWriteMs } = options;
  // The slowest link, twice the mean of what is random; and twice all of it, since blocks come quicker while some are withheld.
  const delay = (2 * (4 * latencyMs + 2 * (jitterMs + executionMs + diskWriteMs))) / blockMs;
  const safe = prefixBlocks(badShare, delay);
  /** Faults that keep blocks from travelling; after the last, what was mined apart is still being sorted out. */
  let disturbances = 0;
  let quietSinceMs = 0;
  const deepest = new Set<number>();
  return {
    name: 'CommonPrefix',
    sees: ['fault', 'head'],
    observe(observation) {
      if (observation.type === 'fault' && disturbs(observation.fault.fault)) {
        disturbances += observation.active ? 1 : -1;
        if (disturbances === 0) quietSinceMs = Math.min(nowMs(), endMs(observation.fault));
      }
      if (observation.type !== 'head' || !isCorrect(observation.node)) return;
      const { node, removed, old, head } = observation;
      if (removed.length <= PREFIX_BLOCKS || deepest.has(node)) return;
      const share = Math.round(100 * badShare);
      const settledMs = 10_000 * PREFIX_BLOCKS + 100 * (latencyMs + jitterMs);
      const quiet = disturbances === 0 && nowMs() - quietSinceMs > settledMs;
      if (quiet && removed.length > safe) {
        report({
          node,
          message: `Gave up ${removed.length} blocks at once, from ${nameOf(old)} to ${nameOf(head)}, on a network that was whole; no more than ${safe} may be, with ${share}% of the hash power against it.`,
        });
      } else if (badShare >= MAJORITY) {
        deepest.add(node);
        report({ node, expected: true, message: `Gave up ${removed.length} blocks at once: ${share}% of the hash power is against it.` });
      }
    },
  };
};

function disturbs(kind: string): boolean {
  return (
    kind === 'partition' ||
    kind === 'cutLink' ||
    kind === 'crash' ||
    kind === 'clog' ||
    kind === 'clogLink' ||
    kind === 'noise' ||
    kind === 'clock' ||
    kind === 'drift' ||
    // Shares of hash power are others then, and blocks come faster than news of them until the difficulty has followed.
    kind === 'hashRate'
  );
}
