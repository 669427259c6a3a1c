/**
 * What the interpreter finds out about a code before its first jump (where jumps may go, what is pushed, which handler belongs
 * to each byte; Yellow Paper 9.4.3), kept for the next message to the same code. The library finds it out anew in every message,
 * which is a third of what a token's balanceOf costs (measured). It is the library's own function that is asked.
 */
import type { EVMInterface } from '@ethereumjs/evm';
import { BoundedMap } from '../base/bounded.ts';

/** Codes that are kept of each block, with at most 30 bytes for each of theirs: some 20 MB if all are as large as they may be. */
const MAX_CODES = 32;
/** Of code that transactions deploy (EIP-170). Larger comes from a genesis block, or from a caller's overrides, which nothing else bounds. */
const MAX_CODE_BYTES = 24_576;
const STOP = 0x00;

type Analysis = object;

/** Of the library's class, which it does not export, what is used here. */
interface Interpreter {
  readonly _evm: { readonly _opcodeMap: object };
  readonly _env: { readonly isCreate: boolean };
  _getValidJumpDestinations(code: Uint8Array): Analysis;
}

/**
 * By the very bytes, which nobody changes, for each table of opcodes, whose handlers it names. Every block has its own table, so what
 * a call with overrides leaves here goes with it, and takes no room from the block that is kept for other calls.
 */
const known = new WeakMap<object, BoundedMap<Uint8Array, Analysis>>();
let isKept = false;

/** For all EVMs of this thread; `evm` is any of them, at rest. */
export async function keepAnalyses(evm: EVMInterface): Promise<void> {
  if (isKept) return;
  const { runState } = await evm.runCode({ code: Uint8Array.of(STOP) });
  if (isKept || runState === undefined) return;
  isKept = true;
  const interpreters = Object.getPrototypeOf(runState.interpreter) as Interpreter;
  const analyse = interpreters._getValidJumpDestinations;
  interpreters._getValidJumpDestinations = function (this: Interpreter, code) {
    // Code that makes a contract runs once.
    if (this._env.isCreate || code.length > MAX_CODE_BYTES) return analyse.call(this, code);
    const analyses = analysesOf(this._evm._opcodeMap);
    const found = analyses.get(code);
    if (found !== undefined) return found;
    const analysis = analyse.call(this, code);
    analyses.set(code, analysis);
    return analysis;
  };
}

function analysesOf(table: object): BoundedMap<Uint8Array, Analysis> {
  const found = known.get(table);
  if (found !== undefined) return found;
  const analyses = new BoundedMap<Uint8Array, Analysis>(MAX_CODES);
  known.set(table, analyses);
  return analyses;
}
