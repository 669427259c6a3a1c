/** The engines that synod knows, by the name that a genesis file gives. A new engine is added here. */
import { UsageError } from '../base/errors.ts';
import type { Signatures } from '../base/signatures.ts';
import { quote } from '../base/types.ts';
import type { ChainParams } from '../chain/params.ts';
import { createChandraToueg } from './chandra-toueg/engine.ts';
import type { AnyEngine, EngineFactory, NodeSettings } from './engine.ts';
import { createPaxos } from './paxos/engine.ts';
import { createPbft } from './pbft/engine.ts';
import { createPos } from './pos/engine.ts';
import { createPow } from './pow/engine.ts';
import { createRaft } from './raft/engine.ts';
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

export const ENGINE_NAMES: readonly string[] = [...ENGINES.keys()];

/** Throws UsageError for an unknown name and for settings that make no sense. */
export function createEngine(params: ChainParams, node: NodeSettings, signatures: Signatures): AnyEngine {
  const factory = ENGINES.get(params.engine.name);
  if (factory !== undefined) return factory(params, node, signatures);
  const known = ENGINE_NAMES.join(', ');
  throw new UsageError('genesis/engine', `The genesis document names the engine ${quote(params.engine.name)}; this synod knows: ${known}.`);
}
