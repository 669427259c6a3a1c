/**
 * An engine that a user wrote: a module that exports `createEngine` (an `EngineFactory`), and may export `simulation` with
 * what the simulator should know of it. What the module gets wrong is said by name.
 */
import { SynodError, UsageError } from '../../base/errors.ts';
import { type NodeId, quote, ZERO_ADDRESS, ZERO_HASH } from '../../base/types.ts';
import type { AnyEngine, EngineFactory } from '../../consensus/engine.ts';
import { COMMON_BEHAVIOURS, TWIN, twin } from '../behaviours/common.ts';
import { describe } from '../describe.ts';
import { isJson } from '../effect-shapes.ts';
import { RANGES } from '../options.ts';
import { placeId } from '../places.ts';
import { PurityGuard } from '../purity.ts';
import { ProofOracle } from '../sealer.ts';
import type { EngineJson, Subject } from '../subject.ts';
import { type Keys, TAG_KEYS } from '../tags.ts';
import { runLimited } from '../watchdog.ts';

/** What such a module may say; everything has a default. */
export interface SimulationHints {
  /** Genesis settings of the engine, besides `nodes`, the ids of all nodes, and `keys`, the public key of each. */
  readonly settings?: EngineJson;
  /** Average time between blocks. */
  readonly blockMs?: number;
  /** How many of `nodes` must work for progress. If nothing is said: a majority; all but f of 3f + 1 where f of them may lie. */
  readonly quorum?: (nodes: number) => number;
  /** No time-out is ever longer (ten blocks if nothing is said): in ten of them a quorum that is left in peace makes progress. */
  readonly maxTimeoutMs?: number;
  /** A command of the engine that is answered once a read of this node's head is linearizable; none if nothing is said. */
  readonly linearizableRead?: string;
}

const DEFAULT_BLOCK_MS = 1_000;
const MAX_BLOCK_MS = 86_400_000;
const MAX_TIMEOUT_MS = 86_400_000;
const HINTS = ['settings', 'blockMs', 'quorum', 'maxTimeoutMs', 'linearizableRead'];
/** Of real time, for what is asked of a module before the first run. */
const PROBE_LIMIT_MS = 2_000;
const PROBE_NODES = 4;
const ENGINE_FUNCTIONS = [
  'init',
  'step',
  'encode',
  'decode',
  'genesisFacts',
  'verifyHeader',
  'verifySeal',
  'verifyCertificate',
  'randomness',
  'rewards',
  'inspect',
] as const satisfies readonly (keyof AnyEngine)[];

/** `module` is what importing the file gave. Throws UsageError `simulator/engine-module` or `simulator/engine-shape`. */
export function subjectOf(module: { readonly [key: string]: unknown }, file: string): Subject {
  const { createEngine } = module;
  if (typeof createEngine !== 'function') refuse(file, 'does not export a function createEngine(params, node, signatures)');
  const factory = createEngine as EngineFactory;
  const hints = guarded(file, "'simulation'", () => readHints(module.simulation ?? {}, file));
  const { settings = {}, blockMs = DEFAULT_BLOCK_MS, maxTimeoutMs, linearizableRead } = hints;
  const create: Subject['create'] = (params, node, _proofs, signatures) => shaped(factory(params, node, signatures), file);
  const settingsOf = (nodes: readonly NodeId[], keys: Keys): EngineJson => ({
    nodes,
    keys: nodes.map((_, identity) => keys.signer(identity, 0).publicKey),
    ...settings,
  });
  const { faults } = probe(create, settingsOf, file);
  const tolerates = faults === 'byzantine' ? thirdOf : () => 0;
  const quorum = hints.quorum ?? (faults === 'byzantine' ? (nodes: number) => nodes - tolerates(nodes) : majority);
  return {
    name: file,
    create,
    drawSettings: (_random, nodes, keys) => settingsOf(nodes, keys),
    keysPerNode: 1,
    difficulty: () => 1n,
    blockMs: () => blockMs,
    quorum,
    ...(maxTimeoutMs !== undefined && { maxTimeoutMs: () => maxTimeoutMs }),
    ...(linearizableRead !== undefined && { linearizableRead }),
    invariants: [],
    marks: [],
    tolerates,
    behaviours: new Map([...COMMON_BEHAVIOURS, [TWIN, twin]]),
  };
}

function readHints(exported: unknown, file: string): SimulationHints {
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported))
    refuse(file, "exports 'simulation', which is not an object");
  // Each is read once.
  const hints: object = { ...exported };
  for (const name of Object.keys(hints)) {
    if (!HINTS.includes(name)) refuse(file, `has simulation.${name}, which nobody knows; known are ${HINTS.join(', ')}`);
  }
  const { settings, blockMs, quorum, maxTimeoutMs, linearizableRead } = hints as { readonly [name in keyof SimulationHints]: unknown };
  if (settings !== undefined && (typeof settings !== 'object' || settings === null || Array.isArray(settings))) {
    refuse(file, 'has simulation.settings, which is not an object');
  }
  if (settings !== undefined && !isJson(settings)) refuse(file, 'has simulation.settings, which is not JSON');
  checkTime(blockMs, 'blockMs', MAX_BLOCK_MS, file);
  checkTime(maxTimeoutMs, 'maxTimeoutMs', MAX_TIMEOUT_MS, file);
  if (linearizableRead !== undefined && (typeof linearizableRead !== 'string' || linearizableRead === '')) {
    refuse(file, 'has simulation.linearizableRead, which is not the name of a command');
  }
  if (quorum !== undefined) checkQuorum(quorum, file);
  return hints as SimulationHints;
}

function checkTime(ms: unknown, hint: keyof SimulationHints, maxMs: number, file: string): void {
  if (ms === undefined || (typeof ms === 'number' && ms >= 1 && ms <= maxMs)) return;
  refuse(file, `has simulation.${hint} ${quote(String(ms))}; expected a number from 1 to ${maxMs}`);
}

function checkQuorum(quorum: unknown, file: string): void {
  if (typeof quorum !== 'function') return refuse(file, 'has simulation.quorum, which is not a function');
  for (let nodes: number = RANGES.nodes.low; nodes <= RANGES.nodes.high; nodes++) {
    const answer = guarded<unknown>(file, 'simulation.quorum', () => quorum(nodes));
    if (Number.isInteger(answer) && Number(answer) >= 1 && Number(answer) <= nodes) continue;
    refuse(file, `has a simulation.quorum(${nodes}) of ${quote(String(answer))}; expected an integer from 1 to ${nodes}`);
  }
}

/** Makes an engine to see whether it can be made, before there is a seed to blame. */
function probe(create: Subject['create'], settingsOf: (nodes: readonly NodeId[], keys: Keys) => EngineJson, file: string): AnyEngine {
  const nodes = Array.from({ length: PROBE_NODES }, (_, place) => placeId(place));
  const params = { chainId: 1, genesisHash: ZERO_HASH, forks: [], engine: { name: file, settings: settingsOf(nodes, TAG_KEYS) } };
  const node = { beneficiary: ZERO_ADDRESS, produce: false, signers: [] };
  return guarded(file, 'createEngine', () => create(params, node, new ProofOracle(), TAG_KEYS.signatures));
}

/** What the module's code answers, if it does so without a clock, without chance and before the limit. */
function guarded<Answer>(file: string, what: string, work: () => Answer): Answer {
  const guard = new PurityGuard();
  const answers: Answer[] = [];
  const problems: unknown[] = [];
  try {
    guard.run(() => runLimited(PROBE_LIMIT_MS, () => void answers.push(work())));
  } catch (error) {
    problems.push(error);
  }
  const { found } = guard;
  if (found !== null)
    refuse(file, `has a ${what} that calls ${found.what} ${found.where}: an engine must be a pure function of its events`);
  for (const problem of problems) {
    if (problem instanceof UsageError) throw problem;
    refuse(file, `has a ${what} that failed: ${(problem instanceof SynodError ? problem.message : describe(problem)).replace(/\.$/, '')}`);
  }
  return answers[0] as Answer;
}

/** The engine with its functions bound to it, since others wrap them and it may well be an instance of a class. */
function shaped(engine: unknown, file: string): AnyEngine {
  const fields = (typeof engine === 'object' && engine !== null ? engine : {}) as AnyEngine;
  const missing = ENGINE_FUNCTIONS.filter((name) => typeof fields[name] !== 'function');
  if (missing.length > 0) throw badShape(file, `lacks ${missing.join(', ')}`);
  oneOf(fields.finality, ['probabilistic', 'gadget', 'instant'], 'finality', file);
  oneOf(fields.faults, ['crash', 'byzantine'], 'faults', file);
  const { name, finality, faults } = fields;
  if (typeof name !== 'string' || name === '') throw badShape(file, 'has no name');
  return {
    name,
    finality,
    faults,
    init: (context) => fields.init(context),
    step: (...values) => fields.step(...values),
    encode: (message) => fields.encode(message),
    decode: (bytes) => fields.decode(bytes),
    genesisFacts: (header) => fields.genesisFacts(header),
    verifyHeader: (...values) => fields.verifyHeader(...values),
    verifySeal: (sealed) => fields.verifySeal(sealed),
    verifyCertificate: (...values) => fields.verifyCertificate(...values),
    randomness: (header) => fields.randomness(header),
    rewards: (block) => fields.rewards(block),
    inspect: (state) => fields.inspect(state),
    ...(typeof fields.carried === 'function' && { carried: (message: unknown) => fields.carried?.(message) ?? [] }),
    ...(typeof fields.safe === 'function' && { safe: (state: unknown) => fields.safe?.(state) ?? null }),
  };
}

function oneOf(value: unknown, known: readonly string[], field: string, file: string): void {
  if (typeof value === 'string' && known.includes(value)) return;
  throw badShape(file, `has ${field} ${quote(String(value))}; expected one of ${known.join(', ')}`);
}

function badShape(file: string, what: string): UsageError {
  return new UsageError('simulator/engine-shape', `The engine that createEngine of ${quote(file)} made ${what}.`);
}

function refuse(file: string, what: string): never {
  throw new UsageError('simulator/engine-module', `${quote(file)} ${what}.`, { file });
}

/** Fewer than a third. */
function thirdOf(nodes: number): number {
  return Math.floor((nodes - 1) / 3);
}

function majority(nodes: number): number {
  return Math.floor(nodes / 2) + 1;
}
