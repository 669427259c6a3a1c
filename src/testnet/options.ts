/**
 * The options of `synod/testing`, checked before anything is begun: most callers write JavaScript, where no compiler sees that an option
 * is misspelt or a number is text.
 */
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { NETWORK_LIMITS as LIMITS, MAX_POS_BLOCK_TIME_SECONDS, NETWORK_ENGINES } from '../cli/network-limits.ts';
import { checkMnemonic } from '../wallet/mnemonic.ts';
import { completeOptions } from './launch.ts';
import { MAX_NODES, type TestnetOptions } from './manifest.ts';
import { MAX_FOR_MS } from './methods.ts';
import { nearest } from './words.ts';

interface Kind {
  readonly expected: string;
  fits(value: unknown): boolean;
}

/** By name; each may be left out. */
type Kinds = Readonly<Record<string, Kind>>;

const MAX_PORT = 65_535;
const MAX_WAIT_MS = 24 * 3_600_000;

const whole = (low: number, high: number): Kind => ({
  expected: `a whole number from ${low} to ${high}`,
  fits: (value) => Number.isSafeInteger(value) && Number(value) >= low && Number(value) <= high,
});
const number: Kind = { expected: 'a number', fits: (value) => typeof value === 'number' };
const nodeNumbers: Kind = {
  expected: 'a list of node numbers',
  fits: (value) => Array.isArray(value) && value.every((node) => whole(0, MAX_NODES).fits(node)),
};
const text: Kind = { expected: 'text', fits: (value) => typeof value === 'string' };
const callback: Kind = { expected: 'a function', fits: (value) => typeof value === 'function' };
const milliseconds = (most: number): Kind => ({
  expected: 'milliseconds, such as 60000',
  fits: (value) => typeof value === 'number' && value > 0 && value <= most,
});
const timeoutMs = milliseconds(MAX_WAIT_MS);
const forMs: Kind = { ...milliseconds(MAX_FOR_MS), fits: (value) => value === null || milliseconds(MAX_FOR_MS).fits(value) };

const START: Kinds = {
  directory: text,
  rpcPort: whole(0, MAX_PORT),
  timeoutMs,
  nodes: whole(...LIMITS.nodes),
  engine: { expected: `one of ${NETWORK_ENGINES.join(', ')}`, fits: (value) => NETWORK_ENGINES.some((name) => name === value) },
  miners: whole(...LIMITS.miners),
  validators: whole(...LIMITS.validators),
  blockTimeSeconds: whole(...LIMITS.blockTimeSeconds),
  chainId: whole(...LIMITS.chainId),
  accounts: whole(...LIMITS.accounts),
  balance: whole(...LIMITS.balance),
  mnemonic: text,
  hashRateLimit: whole(...LIMITS.hashRateLimit),
};

/** Whether depth and duration are in range is for the drill to say. */
const CALLS = {
  fault: { forMs },
  delay: { forMs, jitterMs: number },
  wait: {
    nodes: nodeNumbers,
    number: whole(0, Number.MAX_SAFE_INTEGER),
    timeoutMs,
  },
  reorg: { depth: number, node: whole(0, MAX_NODES), timeoutMs, beforeHeal: callback },
  stallFinality: { forMs: { expected: 'milliseconds, such as 60000', fits: (value) => Number.isFinite(value) }, whileStalled: callback },
} as const satisfies Readonly<Record<string, Kinds>>;

/** What a call cannot do without. */
const NEEDED: Readonly<Record<string, string>> = { reorg: 'depth', stallFinality: 'forMs' };

/** Answers the options. Throws UsageError `testing/option` that names the one that is unknown, missing or of the wrong kind. */
export function checkedOptions<T extends object>(of: keyof typeof CALLS, given: T): T {
  const kinds: Kinds = CALLS[of];
  check(kinds, given);
  const needed = NEEDED[of];
  if (needed !== undefined && (given as Readonly<Record<string, unknown>> | undefined)?.[needed] === undefined)
    throw wrong(needed, kinds[needed]?.expected ?? '', undefined);
  return given;
}

/** Of an argument that stands for nodes. Throws UsageError `testing/option`. */
export function checkedNodes(given: readonly number[]): readonly number[] {
  if (nodeNumbers.fits(given)) return given;
  const got: unknown = Array.isArray(given) ? given.find((node) => !nodeNumbers.fits([node])) : given;
  throw wrong('nodes', `${nodeNumbers.expected} such as [0, 1]`, got);
}

/** What `startNetwork` was given. Throws like `checkedOptions`, and `wallet/bad-mnemonic`. */
export function checkStartOptions(given: Partial<TestnetOptions> & { readonly rpcPort?: number }): void {
  check(START, given);
  if (given.mnemonic !== undefined) checkMnemonic(given.mnemonic);
  const { nodes, miners, engine, blockTimeSeconds } = completeOptions(given);
  if (miners > nodes) throw wrong('miners', `at most one for each of ${nodes} nodes`, miners);
  if (engine === 'pos' && blockTimeSeconds > MAX_POS_BLOCK_TIME_SECONDS)
    throw wrong('blockTimeSeconds', `at most ${MAX_POS_BLOCK_TIME_SECONDS} under pos`, blockTimeSeconds);
  const { rpcPort = 0 } = given;
  if (rpcPort !== 0 && rpcPort + nodes - 1 > MAX_PORT) throw wrong('rpcPort', `a port for each of ${nodes} nodes from there on`, rpcPort);
}

function check(kinds: Kinds, given: unknown): void {
  const names = Object.keys(kinds);
  // Nothing at all is no option; what a call needs is missed by its name.
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new UsageError('testing/option', `Expected an object with options such as { ${names[0]} }; got ${shown(given)}.`);
  for (const [name, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      const advice = nearest(name, names, 'did you mean ', '?') || `there are: ${names.join(', ')}.`;
      throw new UsageError('testing/option', `There is no option ${quote(name)} here; ${advice}`, { option: name });
    }
    if (value !== undefined && !kind.fits(value)) throw wrong(name, kind.expected, value);
  }
}

function wrong(name: string, expected: string, value: unknown): UsageError {
  return new UsageError('testing/option', `${name}: expected ${expected}; got ${shown(value)}.`, { option: name });
}

function shown(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return typeof value === 'object' && value !== null ? `${Array.isArray(value) ? 'a list' : 'an object'}` : String(value);
}
