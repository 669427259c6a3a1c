/**
 * CommonPrefix(k): where finality is a matter of probability, no correct node gives up a block that has k others on top of
 * it, as long as the network is whole and the honest have a clear majority. Source: Garay, Kiayias, Leonardos, "The Bitcoin
 * Backbone Protocol" (2015). A majority against it may undo more: that is reported, as what was to be expected. So may a
 * network that is cut or slow, and luck where the adversary has almost half: of these nothing is said.
 */
import { endMs } from '../faults.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

/** With honest majorities of two thirds and better, a deeper reorganisation is a matter of less than one in a million. */
export const PREFIX_BLOCKS = 24;
const MAJORITY = 0.5;
/** An adversary with this much or more can do deep reorganisations by luck alone. */
const LUCKY_SHARE = 0.35;

export const commonPrefix: CheckerFactory = ({ isCorrect, badShare, nowMs, report, options }) => {
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
      const settledMs = 10_000 * PREFIX_BLOCKS + 100 * (options.latencyMs + options.jitterMs);
      const quiet = disturbances === 0 && nowMs() - quietSinceMs > settledMs;
      if (quiet && badShare < LUCKY_SHARE) {
        report({
          node,
          message: `Gave up ${removed.length} blocks at once, from ${nameOf(old)} to ${nameOf(head)}, on a network that was whole.`,
        });
      } else if (badShare >= MAJORITY) {
        deepest.add(node);
        const share = Math.round(100 * badShare);
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
