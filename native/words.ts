/**
 * 32-bit words that sort themselves by when their value becomes known.
 *
 * A proof-of-work search hashes one header over and over with another nonce, so most of a plain SHA-256d need be
 * done only once. Instead of deriving midstate, constant rounds and folded padding by hand, the hash is written
 * once in the operations below, and each of them moves to the earliest stage that knows all its operands:
 *
 *   build   constants of the algorithm: computed here, while the kernel is built;
 *   job     the header is needed but not its nonce: computed once for each header, by the kernel's `prepare`;
 *   nonce   the nonce is needed: computed for each nonce, by the kernel's `hash`.
 *
 * That is binding-time analysis; see Jones, Gomard and Sestoft, Partial Evaluation (1993), chapter 4. The words
 * form a graph, of which the writer (writer.ts) writes out only what the wanted result depends on.
 */
import { assert } from '../src/base/assert.ts';

export type Operation = 'add' | 'and' | 'xor' | 'rotateRight' | 'shiftRight' | 'swapBytes';

export type Word =
  | { readonly kind: 'constant'; readonly stage: 'build'; readonly value: number }
  /** Word `index` of the 80-byte header, read as SHA-256 reads it. */
  | { readonly kind: 'header'; readonly stage: 'job'; readonly index: number }
  /** A local variable of the function that computes this stage. */
  | { readonly kind: 'variable'; readonly stage: LateStage; readonly local: number }
  /** Round constant number `index`, counted from where a repeated group of rounds has got to. */
  | { readonly kind: 'roundConstant'; readonly stage: LateStage; readonly index: number }
  | Computed;

/** `bits` is the distance of a shift or rotation, otherwise 0. */
export interface Computed {
  readonly kind: Operation;
  readonly stage: LateStage;
  readonly operands: readonly Word[];
  readonly bits: number;
}

export type Stage = 'build' | 'job' | 'nonce';
export type LateStage = Exclude<Stage, 'build'>;

export function constant(value: number): Word {
  return { kind: 'constant', stage: 'build', value: value >>> 0 };
}

/** Sum modulo 2^32. Terms that are known early are added to each other first, the others in the order given. */
export function add(...terms: readonly Word[]): Word {
  const known = (stage: Stage) => terms.filter((term) => term.stage === stage && !(term.kind === 'constant' && term.value === 0));
  const ordered = [...known('build'), ...known('job'), ...known('nonce')];
  const [first, ...rest] = ordered;
  return first === undefined ? constant(0) : rest.reduce((sum, term) => apply('add', [sum, term]), first);
}

export function xor(first: Word, ...rest: readonly Word[]): Word {
  return rest.reduce((sum, term) => apply('xor', [sum, term]), first);
}

export const and = (a: Word, b: Word): Word => apply('and', [a, b]);
export const rotateRight = (word: Word, bits: number): Word => apply('rotateRight', [word], bits);
export const shiftRight = (word: Word, bits: number): Word => apply('shiftRight', [word], bits);
/** Reverses the order of the four bytes. */
export const swapBytes = (word: Word): Word => apply('swapBytes', [word]);

function apply(kind: Operation, operands: readonly Word[], bits = 0): Word {
  const values = operands.flatMap((word) => (word.kind === 'constant' ? [word.value] : []));
  if (values.length === operands.length) return constant(evaluate(kind, values, bits));
  return { kind, stage: operands.some(({ stage }) => stage === 'nonce') ? 'nonce' : 'job', operands, bits };
}

function evaluate(kind: Operation, [a, b = 0]: readonly number[], bits: number): number {
  assert(a !== undefined, 'every operation has an operand');
  switch (kind) {
    case 'add':
      return a + b;
    case 'and':
      return a & b;
    case 'xor':
      return a ^ b;
    case 'rotateRight':
      return (a >>> bits) | (a << (32 - bits));
    case 'shiftRight':
      return a >>> bits;
    case 'swapBytes':
      return ((a & 0xff) << 24) | ((a & 0xff00) << 8) | ((a >>> 8) & 0xff00) | (a >>> 24);
  }
}
