/**
 * Termination. Once there are no more faults, the nodes that were healed make progress and agree, within a bound that is
 * worked out then (`../recovery.ts`). Where blocks are finalized, progress means new finalized blocks on each of them; else
 * new blocks, and one chain but for the last few. Of fewer than a quorum nothing is required.
 */
import { PROGRESS_BLOCKS, type Recovery } from '../recovery.ts';
import type { CheckerFactory, Setting } from './checker.ts';

/** Heads may differ in so many blocks while news of the last ones is on its way, and in more where news travels slowly. */
const OPEN_BLOCKS = 3;
const NEWS_HOPS = 10;

interface Wait {
  readonly recovery: Recovery;
  readonly target: number;
}

export const termination: CheckerFactory = (setting) => {
  const { engine, report, satisfied } = setting;
  const heightOf = engine.finality === 'probabilistic' ? headHeight : finalHeight;
  let wait: Wait | null = null;
  let reached = false;
  return {
    name: 'Termination',
    sees: ['calm', 'head', 'finalized'],
    observe(observation) {
      if (observation.type === 'calm') {
        const { recovery } = observation;
        const highest = Math.max(0, ...recovery.members.map((node) => heightOf(setting, node) ?? 0));
        wait = { recovery, target: highest + PROGRESS_BLOCKS };
      }
      const mayChange = observation.type === 'head' || observation.type === 'finalized' || observation.type === 'calm';
      if (!mayChange || reached || wait === null || !wait.recovery.isOwed) return;
      const { recovery, target } = wait;
      if (!recovery.members.every((node) => (heightOf(setting, node) ?? -1) >= target) || !agree(setting, recovery.members)) return;
      reached = true;
      satisfied();
    },
    end() {
      if (reached || wait === null || !wait.recovery.isOwed) return;
      const { recovery, target } = wait;
      const { members, quorum, boundMs, reason } = recovery;
      const behind = members.filter((node) => (heightOf(setting, node) ?? -1) < target);
      const problem = behind.length === 0 ? 'no agreement on one chain' : `no progress to height ${target} on node ${behind.join(', ')}`;
      const where = members.map((node) => `node ${node}: ${heightOf(setting, node) ?? 'down'}`).join(', ');
      report({
        message: `${problem} within ${boundMs} ms after the last fault (${reason}), with ${members.length} correct nodes healed of the ${quorum} that it takes (${where}).`,
      });
    },
  };
};

/** Whether all heads have one common ancestor a few blocks below. */
function agree(setting: Setting, members: readonly number[]): boolean {
  const heads = members.map((node) => headHeight(setting, node) ?? 0);
  const open = openBlocks(setting);
  const common = Math.max(0, Math.min(...heads) - open);
  const hashes = new Set(members.map((node) => setting.chainOf(node)?.canonical(common)));
  return hashes.size <= 1 && Math.max(...heads) - common <= 2 * open;
}

function openBlocks({ options, blockMs }: Setting): number {
  const { latencyMs, jitterMs, executionMs, diskWriteMs } = options;
  return OPEN_BLOCKS + Math.ceil((NEWS_HOPS * (latencyMs + jitterMs + executionMs + diskWriteMs)) / blockMs);
}

/** Null while the node is down. */
function headHeight({ chainOf }: Setting, node: number): number | null {
  return chainOf(node)?.head.header.number ?? null;
}

function finalHeight({ chainOf }: Setting, node: number): number | null {
  return chainOf(node)?.finalized.header.number ?? null;
}
