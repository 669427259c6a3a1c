/** The engines that synod knows, by the name that a genesis file gives. A new engine is added here. */
import { UsageError } from '../base/errors.ts';
import type { Signatures } from '../base/signatures.ts';
import { quote } from '../base/types.ts';
import type { ChainParams } from '../chain/params.ts';
import { createChandraToueg } from './chandra-toueg/engine.ts';
import type { AnyEngine, EngineFactory, NodeSettings } from './engine.ts';
import { createPaxos } from './paxos/engine.ts';
import { createPbft } from './pbft/engine.ts';
import { createPhases } from './phases/engine.ts';
import { createPos } from './pos/engine.ts';
import { createPow } from './pow/engine.ts';
import { createRaft } from './raft/engine.ts';
import { createReplay } from './replay/engine.ts';
import { createZab } from './zab/engine.ts';

const ENGINES: ReadonlyMap<string, EngineFactory> = new Map([
  ['chandra-toueg', createChandraToueg],
  ['paxos', createPaxos],
  ['pbft', createPbft],
  ['pos', createPos],
  ['pow', createPow],
  ['raft', createRaft],
  ['zab', createZab],
]);

/** Those that a network can be made with. `replay` makes no blocks: it serves a chain that was made elsewhere. */
export const ENGINE_NAMES: readonly string[] = [...ENGINES.keys()];

/**
 * The engine of a network: of one phase after another, where the genesis file says so or members may agree on it. Throws UsageError
 * for an unknown name and for settings that make no sense.
 */
export function createEngine(params: ChainParams, node: NodeSettings, signatures: Signatures): AnyEngine {
  const isChanging = params.engine.transitions !== undefined || 'members' in params.engine.settings;
  return isChanging ? createPhases(params, node, signatures, createOne) : createOne(params, node, signatures);
}

function createOne(params: ChainParams, node: NodeSettings, signatures: Signatures): AnyEngine {
  const { name } = params.engine;
  const factory = name === 'replay' ? createReplay : ENGINES.get(name);
  if (factory !== undefined) return factory(params, node, signatures);
  const known = ENGINE_NAMES.join(', ');
  throw new UsageError('genesis/engine', `The genesis document names the engine ${quote(name)}; this synod knows: ${known}.`);
}
