/**
 * Writes the graph of words (words.ts) as the code of a function.
 *
 * A word that is used once stays on WebAssembly's operand stack; a word that is used more often is kept in a local
 * variable. The engine's compiler keeps the order in which operations are written, so that the order is ours to choose.
 */
import { assert, present } from '../src/base/assert.ts';
import { type FunctionBody, I32, OP, signed, unsigned, V128, type ValueType } from './wasm.ts';
import type { Computed, LateStage, Word } from './words.ts';

/** How wide the words of a function are: one, or four side by side in a vector. */
export interface Lanes {
  readonly count: 1 | 4;
  readonly type: ValueType;
  readonly add: readonly number[];
  readonly and: readonly number[];
  readonly xor: readonly number[];
  readonly or: readonly number[];
  readonly shiftLeft: readonly number[];
  readonly shiftRight: readonly number[];
  /** Loads a 32-bit word from memory, into every lane. */
  readonly load: readonly number[];
}

export const ONE_LANE: Lanes = {
  count: 1,
  type: I32,
  add: OP.i32Add,
  and: OP.i32And,
  xor: OP.i32Xor,
  or: OP.i32Or,
  shiftLeft: OP.i32Shl,
  shiftRight: OP.i32ShrU,
  load: OP.i32Load,
};

export const FOUR_LANES: Lanes = {
  count: 4,
  type: V128,
  add: OP.i32x4Add,
  and: OP.v128And,
  xor: OP.v128Xor,
  or: OP.v128Or,
  shiftLeft: OP.i32x4Shl,
  shiftRight: OP.i32x4ShrU,
  load: OP.v128Load32Splat,
};

const BYTES_PER_WORD = 4;
const EACH_WORD_REVERSED = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
const ODD_BYTES = 0xff00ff00;
const EVEN_BYTES = 0x00ff00ff;

export interface WriterOptions {
  readonly body: FunctionBody;
  readonly stage: LateStage;
  readonly lanes: Lanes;
  /** Where the 64 round constants lie in memory. */
  readonly roundConstantsAt: number;
  /** The address of a word that is known before this function runs, or undefined if code or a local is better. */
  addressOf(word: Word): number | undefined;
}

export class Writer {
  readonly #options: WriterOptions;
  readonly #uses = new Map<Word, number>();
  readonly #kept = new Map<Word, number>();
  #position: number | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** New variables that start with these values. `order` says which words to compute first, and in which order. */
  variables(values: readonly Word[], order: readonly Word[] = []): Word[] {
    const { body, stage, lanes } = this.#options;
    const variables = values.map((): Word => ({ kind: 'variable', stage, local: body.local(lanes.type) }));
    this.#assign(variables, values, order);
    return variables;
  }

  /** A round constant for use inside `repeat`, which moves on by one step with each run. */
  roundConstant(index: number): Word {
    return { kind: 'roundConstant', stage: this.#options.stage, index };
  }

  /** A loop: each run gives the variables new values. `step` is by how many round constants it moves on. */
  repeat(times: number, step: number, variables: readonly Word[], run: () => { values: readonly Word[]; order: readonly Word[] }): void {
    const { body } = this.#options;
    const stepBytes = step * BYTES_PER_WORD;
    this.#position ??= body.local(I32);
    body.emit(OP.i32Const, signed(0)).emit(OP.localSet, unsigned(this.#position)).emit(OP.loop);
    const { values, order } = run();
    this.#assign(variables, values, order);
    body.emit(OP.localGet, unsigned(this.#position)).emit(OP.i32Const, signed(stepBytes)).emit(OP.i32Add);
    body
      .emit(OP.localTee, unsigned(this.#position))
      .emit(OP.i32Const, signed(times * stepBytes))
      .emit(OP.i32LtU);
    body.emit(OP.branchIf, [0]).emit(OP.end);
  }

  /** Leaves the value of a word on the operand stack: the function's result, or the operand of what follows. */
  result(word: Word, order: readonly Word[] = []): void {
    this.#count(word);
    for (const earlier of order) this.#compute(earlier);
    this.#value(word);
  }

  #assign(variables: readonly Word[], values: readonly Word[], order: readonly Word[]): void {
    for (const value of values) this.#count(value);
    for (const earlier of order) this.#compute(earlier);
    for (const value of values) this.#value(value);
    for (const variable of variables.toReversed()) {
      assert(variable.kind === 'variable', 'only a variable is assigned to');
      this.#options.body.emit(OP.localSet, unsigned(variable.local));
    }
  }

  /** Counts in advance how often a word is read, since a word that is read once needs no variable. */
  #count(word: Word): void {
    const before = this.#uses.get(word) ?? 0;
    this.#uses.set(word, before + 1);
    if (before > 0 || !this.#isComputedHere(word)) return;
    for (const operand of word.operands) {
      this.#count(operand);
      // A vector is rotated by two shifts, and bytes are swapped in two halves: both read their operand twice.
      if (word.kind === 'rotateRight' || word.kind === 'swapBytes') this.#count(operand);
    }
  }

  #isComputedHere(word: Word): word is Computed {
    return 'operands' in word && word.stage === this.#options.stage;
  }

  /** Computes a word ahead of its use, if it is used at all. */
  #compute(word: Word): void {
    if (!this.#isComputedHere(word) || this.#kept.has(word) || !this.#uses.has(word)) return;
    this.#operation(word);
    this.#options.body.emit(OP.localSet, unsigned(this.#keep(word)));
  }

  #keep(word: Word): number {
    const local = this.#options.body.local(this.#options.lanes.type);
    this.#kept.set(word, local);
    return local;
  }

  #value(word: Word): void {
    const { body } = this.#options;
    const kept = this.#kept.get(word);
    if (kept !== undefined) {
      body.emit(OP.localGet, unsigned(kept));
      return;
    }
    if (!this.#isComputedHere(word)) {
      this.#leaf(word);
      return;
    }
    this.#operation(word);
    if (present(this.#uses.get(word), 'a count of uses') > 1) body.emit(OP.localTee, unsigned(this.#keep(word)));
  }

  #leaf(word: Word): void {
    const { body, lanes, roundConstantsAt, addressOf } = this.#options;
    if (word.kind === 'variable' && word.stage === this.#options.stage) {
      body.emit(OP.localGet, unsigned(word.local));
    } else if (word.kind === 'roundConstant') {
      const position = present(this.#position, 'the position of a loop');
      body.emit(OP.localGet, unsigned(position)).emit(lanes.load, unsigned(roundConstantsAt + word.index * BYTES_PER_WORD));
    } else {
      const address = addressOf(word);
      if (address !== undefined) body.emit(OP.i32Const, signed(0)).emit(lanes.load, unsigned(address));
      else {
        assert(word.kind === 'constant' && lanes.count === 1, 'a word of an earlier stage has an address or is a constant');
        body.emit(OP.i32Const, signed(word.value));
      }
    }
  }

  #operation(word: Computed): void {
    const { body, lanes } = this.#options;
    const [first, second] = word.operands;
    const operand = present(first, 'an operand');
    switch (word.kind) {
      case 'add':
      case 'and':
      case 'xor':
        this.#value(operand);
        this.#value(present(second, 'a second operand'));
        body.emit(lanes[word.kind]);
        return;
      case 'shiftRight':
        this.#shift(operand, lanes.shiftRight, word.bits);
        return;
      case 'rotateRight':
        this.#rotateRight(operand, word.bits);
        return;
      case 'swapBytes':
        this.#swapBytes(operand);
        return;
    }
  }

  #shift(operand: Word, opcode: readonly number[], bits: number): void {
    this.#value(operand);
    this.#options.body.emit(OP.i32Const, signed(bits)).emit(opcode);
  }

  #rotateRight(operand: Word, bits: number): void {
    const { body, lanes } = this.#options;
    if (lanes.count === 1) {
      this.#shift(operand, OP.i32Rotr, bits);
    } else {
      this.#shift(operand, lanes.shiftRight, bits);
      this.#shift(operand, lanes.shiftLeft, 32 - bits);
      body.emit(lanes.or);
    }
  }

  #swapBytes(operand: Word): void {
    const { body, lanes } = this.#options;
    if (lanes.count === 4) {
      this.#value(operand);
      this.#value(operand);
      body.emit(OP.i8x16Shuffle, EACH_WORD_REVERSED);
    } else {
      this.#shift(operand, OP.i32Rotr, 8);
      body.emit(OP.i32Const, signed(ODD_BYTES)).emit(OP.i32And);
      this.#shift(operand, OP.i32Rotr, 24);
      body.emit(OP.i32Const, signed(EVEN_BYTES)).emit(OP.i32And).emit(OP.i32Or);
    }
  }
}
