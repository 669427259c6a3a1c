/**
 * Termination. Once there are no more faults, whoever is left makes progress and agrees, within the bound of the options.
 * Where blocks are finalized that means new finalized blocks on every node; else new blocks, and one chain but for the
 * last few.
 */
import type { CheckerFactory, Setting } from './checker.ts';

/** Blocks above the highest head (or finalized block) of the moment in which the faults ended. */
export const PROGRESS_BLOCKS = 8;
/** Heads may differ in so many blocks while news of the last ones is on its way, and in more where news travels slowly. */
const OPEN_BLOCKS = 3;
const NEWS_HOPS = 10;

export const termination: CheckerFactory = (setting) => {
  const { engine, report, satisfied, options } = setting;
  const heightOf = engine.finality === 'probabilistic' ? headHeight : finalHeight;
  let target: number | null = null;
  let reached = false;
  return {
    name: 'Termination',
    observe(observation) {
      if (observation.type === 'calm') target = Math.max(0, ...living(setting).map((node) => heightOf(setting, node))) + PROGRESS_BLOCKS;
      const mayChange = observation.type === 'head' || observation.type === 'finalized' || observation.type === 'calm';
      if (!mayChange || reached || target === null) return;
      if (!living(setting).every((node) => heightOf(setting, node) >= (target ?? 0)) || !agree(setting)) return;
      reached = true;
      satisfied();
    },
    end() {
      if (reached || target === null) return;
      const heights = living(setting).map((node) => `node ${node}: ${heightOf(setting, node)}`);
      const problem = agree(setting) ? `no progress to height ${target}` : 'no agreement';
      report({ message: `${problem} within ${options.recoveryMs} ms after the last fault (${heights.join(', ')}).` });
    },
  };
};

/** Correct nodes that run. */
function living({ nodes, isCorrect, chainOf }: Setting): number[] {
  return Array.from({ length: nodes }, (_, node) => node).filter((node) => isCorrect(node) && chainOf(node) !== null);
}

/** Whether all heads have one common ancestor a few blocks below. */
function agree(setting: Setting): boolean {
  const heads = living(setting).map((node) => headHeight(setting, node));
  const open = openBlocks(setting);
  const common = Math.max(0, Math.min(...heads) - open);
  const hashes = new Set(living(setting).map((node) => setting.chainOf(node)?.canonical(common)));
  return hashes.size <= 1 && Math.max(...heads) - common <= 2 * open;
}

function openBlocks({ options, blockMs }: Setting): number {
  const { latencyMs, jitterMs, executionMs, diskWriteMs } = options;
  return OPEN_BLOCKS + Math.ceil((NEWS_HOPS * (latencyMs + jitterMs + executionMs + diskWriteMs)) / blockMs);
}

function headHeight({ chainOf }: Setting, node: number): number {
  return chainOf(node)?.head.header.number ?? 0;
}

function finalHeight({ chainOf }: Setting, node: number): number {
  return chainOf(node)?.finalized.header.number ?? 0;
}
