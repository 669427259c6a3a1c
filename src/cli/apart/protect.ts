/**
 * Makes a process safe for a module that a user wrote, before the module is loaded. What it changes of JavaScript's own objects,
 * and with them of the simulator, throws at that very place; what it prints goes to stderr, since stdout is for results; and
 * clocks, chance and files are watched even where it takes them by another name.
 */
import { Console } from 'node:console';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { named, type Way, watchForGood } from '../../simulator/purity.ts';

/** Of Node's modules, which an engine may import under any name. */
const WAYS: readonly Way[] = [
  ...named(crypto, 'crypto.', ['randomBytes', 'randomInt', 'randomFillSync', 'randomUUID']),
  ...named(fs, 'fs.', ['readFileSync', 'writeFileSync', 'appendFileSync', 'openSync', 'existsSync', 'statSync', 'readdirSync']),
];

const TYPED_ARRAY: unknown = Object.getPrototypeOf(Uint8Array);
/** Nothing may be changed in these. Others (Error, Function, Object) hold names that honest code has for its own objects. */
const FROZEN = [Array, Map, Set, WeakMap, WeakSet, String, Number, BigInt, RegExp, Promise, Uint8Array, TYPED_ARRAY, DataView];

let isProtected = false;

export function protectProcess(): void {
  if (isProtected) return;
  isProtected = true;
  watchForGood(WAYS);
  syncBuiltinESMExports();
  globalThis.console = new Console(process.stderr, process.stderr);
  for (const type of FROZEN) Object.freeze((type as { readonly prototype: object }).prototype);
  Object.freeze(JSON);
  Object.freeze(Reflect);
  Object.preventExtensions(Object.prototype);
}
