/**
 * The hash kernel as a WebAssembly module: SHA-256d of an 80-byte block header, for many nonces.
 *
 * Exports:
 *   memory                     the caller writes the header at HEADER_AT, as twenty 32-bit words in the order in which
 *                              SHA-256 reads them (each big-endian in the header, little-endian in this memory);
 *   prepare()                  computes everything that does not depend on the nonce; call it after writing a header;
 *   scan(nonce, count, limit)  tries `count` nonces from `nonce` on. Answers how far from `nonce` the first one lies
 *                              whose hash, read as Bitcoin reads it (a 256-bit little-endian number), has its top 32
 *                              bits at most `limit`; an answer of `count` or more means none.
 *
 * The caller checks a found nonce against all 256 bits of the target: with one lucky hash in four billion at stake,
 * comparing them here would cost more than it saves. All numbers are unsigned 32-bit integers.
 */
import { compress, INITIAL_STATE, type Layout, ROUND_CONSTANTS } from './sha256.ts';
import { encodeModule, FunctionBody, I32, OP, signed, unsigned } from './wasm.ts';
import { constant, swapBytes, type Word } from './words.ts';
import { type Lanes, ONE_LANE, Writer } from './writer.ts';

const HEADER_AT = 0;
const LANE_NUMBERS_AT = 112;
const ROUND_CONSTANTS_AT = 128;
const TABLE_AT = ROUND_CONSTANTS_AT + 4 * ROUND_CONSTANTS.length;

const HEADER_BITS = 80 * 8;
const HASH_BITS = 32 * 8;
/** The bit that ends a message; see FIPS 180-4, section 5.1.1. */
const END_OF_MESSAGE = 0x80000000;

const PREPARE = 0;
const HASH = 1;
const SCAN = 2;

/** Measured best for four lanes on V8; see README.md. The first one runs once for each header, so it may be slow. */
const LAYOUTS = {
  midstate: { unrolled: 1, repeated: 3 },
  firstHash: { unrolled: 2, repeated: 2 },
  secondHash: { unrolled: 1, repeated: 2 },
} as const satisfies Record<string, Layout>;

export function buildKernel(lanes: Lanes): Uint8Array {
  const table = new Table();
  const prepare = new FunctionBody([], []);
  const hash = new FunctionBody([lanes.type], [lanes.type]);
  const prepareWriter = new Writer({
    body: prepare,
    stage: 'job',
    lanes: ONE_LANE,
    roundConstantsAt: ROUND_CONSTANTS_AT,
    addressOf: (word) => (word.kind === 'header' ? HEADER_AT + 4 * word.index : undefined),
  });
  const hashWriter = new Writer({
    body: hash,
    stage: 'nonce',
    lanes,
    roundConstantsAt: ROUND_CONSTANTS_AT,
    addressOf: (word) => {
      if (word.kind === 'constant') return lanes.count === 1 ? undefined : table.constant(word.value);
      return table.computed(word, prepareWriter, prepare);
    },
  });
  writeTopOfHash(prepareWriter, hashWriter);
  return encodeModule({
    functions: [prepare, hash, scan(lanes)],
    exports: { prepare: PREPARE, scan: SCAN },
    data: { offset: LANE_NUMBERS_AT, bytes: littleEndian([0, 1, 2, 3, ...ROUND_CONSTANTS, ...table.initial]) },
  });
}

/** Words that `hash` reads from memory: constants, and what `prepare` left there. Each has its place only once. */
class Table {
  /** What the memory holds from TABLE_AT on before `prepare` has run. */
  readonly initial: number[] = [];
  /** Round constants too have a second place here: V8 makes slower code where unrolled rounds and loops share one. */
  readonly #constants = new Map<number, number>();
  readonly #computed = new Map<Word, number>();

  constant(value: number): number {
    const known = this.#constants.get(value);
    if (known !== undefined) return known;
    const address = this.#reserve(value);
    this.#constants.set(value, address);
    return address;
  }

  computed(word: Word, writer: Writer, body: FunctionBody): number {
    const known = this.#computed.get(word);
    if (known !== undefined) return known;
    const address = this.#reserve(0);
    this.#computed.set(word, address);
    body.emit(OP.i32Const, signed(0));
    writer.result(word);
    body.emit(OP.i32Store, unsigned(address));
    return address;
  }

  #reserve(value: number): number {
    return TABLE_AT + 4 * (this.initial.push(value) - 1);
  }
}

/** Only the top word of the double hash is wanted, so that the last rounds that serve the other words fall away. */
function writeTopOfHash(prepare: Writer, hash: Writer): void {
  const header = Array.from({ length: 19 }, (_, index): Word => ({ kind: 'header', stage: 'job', index }));
  const nonce: Word = { kind: 'variable', stage: 'nonce', local: 0 };
  const midstate = compress(prepare, INITIAL_STATE, header.slice(0, 16), LAYOUTS.midstate).state;
  const tail = padded([...header.slice(16), swapBytes(nonce)], HEADER_BITS);
  const first = compress(hash, midstate, tail, LAYOUTS.firstHash);
  const digest = hash.variables(first.state, first.order);
  const second = compress(hash, INITIAL_STATE, padded(digest, HASH_BITS), LAYOUTS.secondHash);
  const top = second.state.at(-1);
  if (top !== undefined) hash.result(swapBytes(top), second.order);
}

/** A message's last words and its padding: 16 words together. */
function padded(words: readonly Word[], messageBits: number): Word[] {
  const zeros = Array.from({ length: 14 - words.length }, () => constant(0));
  return [...words, constant(END_OF_MESSAGE), ...zeros, constant(messageBits)];
}

function scan(lanes: Lanes): FunctionBody {
  const body = new FunctionBody([I32, I32, I32], [I32]);
  const [nonce, count, limit, tried, hits] = [0, 1, 2, body.local(I32), body.local(I32)].map((index) => unsigned(index)) as FiveLocals;
  body.emit(OP.loop);
  body.emit(OP.localGet, nonce).emit(OP.localGet, tried).emit(OP.i32Add);
  if (lanes.count === 4) {
    body.emit(OP.i32x4Splat).emit(OP.i32Const, signed(0)).emit(OP.v128Load, unsigned(LANE_NUMBERS_AT)).emit(OP.i32x4Add);
    body.emit(OP.call, unsigned(HASH)).emit(OP.localGet, limit).emit(OP.i32x4Splat).emit(OP.i32x4LeU).emit(OP.i32x4Bitmask);
  } else {
    body.emit(OP.call, unsigned(HASH)).emit(OP.localGet, limit).emit(OP.i32LeU);
  }
  body.emit(OP.localTee, hits).emit(OP.if);
  body.emit(OP.localGet, tried).emit(OP.localGet, hits).emit(OP.i32Ctz).emit(OP.i32Add).emit(OP.return);
  body.emit(OP.end);
  body.emit(OP.localGet, tried).emit(OP.i32Const, signed(lanes.count)).emit(OP.i32Add).emit(OP.localTee, tried);
  body.emit(OP.localGet, count).emit(OP.i32LtU).emit(OP.branchIf, [0]);
  return body.emit(OP.end).emit(OP.localGet, count);
}

type FiveLocals = [number[], number[], number[], number[], number[]];

function littleEndian(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, word] of words.entries()) view.setUint32(index * 4, word, true);
  return bytes;
}
