/**
 * An engine that a user wrote: a module that exports `createEngine` (an `EngineFactory`), and may export `simulation` with
 * what the simulator should know of it. What the module gets wrong is said by name.
 */
import { InternalError, UsageError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import { quote, ZERO_ADDRESS, ZERO_HASH } from '../../base/types.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { AnyEngine, EngineFactory, NodeSettings } from '../../consensus/engine.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import type { EngineJson, Subject } from '../subject.ts';
import { TAG_KEYS } from '../tags.ts';

/** What such a module may say; everything has a default. */
export interface SimulationHints {
  /** Genesis settings of the engine, besides `nodes`, the ids of all nodes. */
  readonly settings?: EngineJson;
  /** Average time between blocks. */
  readonly blockMs?: number;
  /** How many of `nodes` must work for progress: a majority if nothing is said. */
  readonly quorum?: (nodes: number) => number;
}

const DEFAULT_BLOCK_MS = 1_000;
const NO_PARAMS = { chainId: 1, genesisHash: ZERO_HASH, forks: [] };
const ENGINE_FUNCTIONS = [
  'init',
  'step',
  'encode',
  'decode',
  'genesisFacts',
  'verifyHeader',
  'verifyCertificate',
  'randomness',
  'rewards',
  'inspect',
];

/** `module` is what importing the file gave. Throws UsageError `simulator/engine-module`. */
export function subjectOf(module: { readonly [key: string]: unknown }, file: string): Subject {
  const { createEngine, simulation = {} } = module;
  if (typeof createEngine !== 'function') {
    throw new UsageError(
      'simulator/engine-module',
      `${quote(file)} does not export a function createEngine(params, node); it must, to be simulated.`,
    );
  }
  if (typeof simulation !== 'object' || simulation === null) {
    throw new UsageError('simulator/engine-module', `${quote(file)} exports 'simulation', which is not an object.`);
  }
  const factory = createEngine as EngineFactory;
  const { settings = {}, blockMs = DEFAULT_BLOCK_MS, quorum = majority } = simulation as SimulationHints;
  const create = (params: ChainParams, node: NodeSettings, signatures: Signatures): AnyEngine => {
    const engine: unknown = factory(params, node, signatures);
    checkShape(engine, file);
    return engine;
  };
  const probe = create(
    { ...NO_PARAMS, engine: { name: file, settings: { nodes: [], ...settings } } },
    { beneficiary: ZERO_ADDRESS, produce: false, signers: [] },
    TAG_KEYS.signatures,
  );
  return {
    name: file,
    create: (params, node, _proofs, signatures) => create(params, node, signatures),
    drawSettings: (_random, nodes, keys) => ({
      nodes,
      keys: nodes.map((_, identity) => keys.signer(identity, 0).publicKey),
      ...settings,
    }),
    keysPerNode: 1,
    difficulty: () => 1n,
    blockMs: () => blockMs,
    quorum,
    invariants: [],
    marks: [],
    tolerates: (nodes) => (probe.faults === 'byzantine' ? Math.floor((nodes - 1) / 3) : 0),
    behaviours: new Map([...COMMON_BEHAVIOURS, [TWIN, twin]]),
  };
}

function checkShape(engine: unknown, file: string): asserts engine is AnyEngine {
  // Not by spreading: an engine may well be an instance of a class.
  const fields = (typeof engine === 'object' && engine !== null ? engine : {}) as { readonly [key: string]: unknown };
  const missing = ENGINE_FUNCTIONS.filter((name) => typeof fields[name] !== 'function');
  if (missing.length > 0) {
    throw new InternalError('simulator/engine-shape', `createEngine of ${quote(file)} made an engine without ${missing.join(', ')}.`);
  }
  oneOf(fields.finality, ['probabilistic', 'gadget', 'instant'], 'finality', file);
  oneOf(fields.faults, ['crash', 'byzantine'], 'faults', file);
}

function oneOf(value: unknown, known: readonly string[], field: string, file: string): void {
  if (typeof value === 'string' && known.includes(value)) return;
  const shown = quote(String(value));
  throw new InternalError(
    'simulator/engine-shape',
    `The engine of ${quote(file)} has ${field} ${shown}; expected one of ${known.join(', ')}.`,
  );
}

function majority(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}
