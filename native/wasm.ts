/**
 * The part of the WebAssembly binary format that a hash kernel needs: one module, one memory, a few functions.
 *
 * Source: WebAssembly Core Specification 2.0, section 5 (binary format). Writing the bytes ourselves keeps every
 * compiler out of the path: the same source always gives the same bytes, whatever version of what is installed.
 */

export const I32 = 0x7f;
export const V128 = 0x7b;
export type ValueType = typeof I32 | typeof V128;

/** Opcodes, without their immediate operands. The vector ones (0xfd) are listed by the bytes that follow the prefix. */
export const OP = {
  block: [0x02, 0x40],
  loop: [0x03, 0x40],
  if: [0x04, 0x40],
  end: [0x0b],
  branchIf: [0x0d],
  return: [0x0f],
  call: [0x10],
  localGet: [0x20],
  localSet: [0x21],
  localTee: [0x22],
  i32Load: [0x28, 2],
  i32Store: [0x36, 2],
  i32Const: [0x41],
  i32LtU: [0x49],
  i32LeU: [0x4d],
  i32Ctz: [0x68],
  i32Add: [0x6a],
  i32And: [0x71],
  i32Or: [0x72],
  i32Xor: [0x73],
  i32Shl: [0x74],
  i32ShrU: [0x76],
  i32Rotr: [0x78],
  v128Load: [0xfd, 0x00, 4],
  v128Load32Splat: [0xfd, 0x09, 2],
  i8x16Shuffle: [0xfd, 0x0d],
  i32x4Splat: [0xfd, 0x11],
  i32x4LeU: [0xfd, 0x3e],
  v128And: [0xfd, 0x4e],
  v128Or: [0xfd, 0x50],
  v128Xor: [0xfd, 0x51],
  i32x4Bitmask: [0xfd, 0xa4, 0x01],
  i32x4Shl: [0xfd, 0xab, 0x01],
  i32x4ShrU: [0xfd, 0xad, 0x01],
  i32x4Add: [0xfd, 0xae, 0x01],
} as const satisfies Record<string, readonly number[]>;

/** Unsigned LEB128, of a value below 2^32. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

/** Signed LEB128, of a 32-bit value: what `i32.const` takes. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest < -0x40 || rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  bytes.push(rest & 0x7f);
  return bytes;
}

/** A function under construction: parameters first, then locals in the order in which they are asked for. */
export class FunctionBody {
  readonly #parameters: readonly ValueType[];
  readonly #results: readonly ValueType[];
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];

  constructor(parameters: readonly ValueType[], results: readonly ValueType[]) {
    this.#parameters = parameters;
    this.#results = results;
  }

  /** The index of a new local variable. */
  local(type: ValueType): number {
    return this.#parameters.length + this.#locals.push(type) - 1;
  }

  /** Appends an instruction: its opcode, then immediate operands already encoded. */
  emit(opcode: readonly number[], immediate: readonly number[] = []): this {
    this.#code.push(...opcode, ...immediate);
    return this;
  }

  /** The entry of the type section. */
  type(): number[] {
    return [0x60, ...vector(this.#parameters.map((type) => [type])), ...vector(this.#results.map((type) => [type]))];
  }

  /** The entry of the code section. */
  bytes(): number[] {
    const runs: { count: number; type: ValueType }[] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ count: 1, type });
    }
    const body = [...vector(runs.map(({ count, type }) => [...unsigned(count), type])), ...this.#code, ...OP.end];
    return [...unsigned(body.length), ...body];
  }
}

export interface Module {
  /** In the order of their indices, as `call` names them. */
  readonly functions: readonly FunctionBody[];
  readonly exports: Readonly<Record<string, number>>;
  /** Initial content of the memory, which is one page of 64 KiB and is exported as `memory`. */
  readonly data: { readonly offset: number; readonly bytes: Uint8Array };
}

/** The bytes of a `.wasm` file. */
export function encodeModule({ functions, exports, data }: Module): Uint8Array {
  const exported = Object.entries(exports).map(([name, index]) => [...text(name), 0x00, ...unsigned(index)]);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(functions.map((body) => body.type()))),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(5, vector([[0x01, 0x01, 0x01]])),
    ...section(7, vector([[...text('memory'), 0x02, 0x00], ...exported])),
    ...section(10, vector(functions.map((body) => body.bytes()))),
    ...section(11, vector([[0x00, ...OP.i32Const, ...signed(data.offset), ...OP.end, ...unsigned(data.bytes.length), ...data.bytes]])),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(value: string): number[] {
  return vector([...new TextEncoder().encode(value)].map((byte) => [byte]));
}
