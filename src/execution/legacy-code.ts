/**
 * Takes the library's half of EOF out of an EVM. EOF (EIP-3540) never became part of Ethereum, yet @ethereumjs lets old code
 * see it under every fork: CREATE and CREATE2 of initcode that begins with 0xEF00 answer zero at once, where Ethereum counts
 * the nonce and burns the gas that was given on the invalid opcode; and EXTCODESIZE, EXTCODECOPY and EXTCODEHASH see two
 * bytes where code is that begins so, which a genesis document may have.
 */
import type { EVMInterface, getOpcodesForHF } from '@ethereumjs/evm';
import { bigIntToBytes, bytesToBigInt, createAddressFromBigInt, setLengthLeft, setLengthRight } from '@ethereumjs/util';
import { keccak256 } from './keccak.ts';
import { MAX_INITCODE_BYTES } from './transaction-rules.ts';

type OpcodeTable = ReturnType<typeof getOpcodesForHF>['opcodeMap'];
type Handler = OpcodeTable[number]['opHandler'];
type RunState = Parameters<Handler>[0];
type Common = Parameters<Handler>[1];

/** The library keeps its table from subclasses only. */
interface HasTable {
  readonly _opcodeMap: OpcodeTable;
}

/** What is done instead of the library's. */
type Instead = (state: RunState, bytes: Uint8Array) => Promise<void> | void;

type BytesOf = (state: RunState, common: Common) => Uint8Array | Promise<Uint8Array>;

const OPCODES: readonly (readonly [opcode: number, bytesOf: BytesOf, instead: Instead])[] = [
  [0x3b, codeOfNamed, codeSize],
  [0x3c, codeOfNamed, codeCopy],
  [0x3f, codeOfNamed, codeHash],
  [0xf0, initcodeStart, create],
  [0xf5, initcodeStart, create2],
];
const ADDRESS_BITS = 160;
const WORD_BYTES = 32;

/** Only for the EVM's own table. Handlers run once their gas is paid, memory included. */
export function removeEof(evm: EVMInterface): void {
  const table = (evm as unknown as HasTable)._opcodeMap;
  for (const [opcode, bytesOf, instead] of OPCODES) {
    const entry = table[opcode];
    if (entry === undefined || entry.opcodeInfo.isInvalid) continue;
    const { opHandler } = entry;
    table[opcode] = {
      ...entry,
      async opHandler(state, common) {
        const bytes = await bytesOf(state, common);
        await (bytes[0] === 0xef && bytes[1] === 0 ? instead(state, bytes) : opHandler(state, common));
      },
    };
  }
}

function codeOfNamed({ stack, stateManager }: RunState): Promise<Uint8Array> {
  const [word = 0n] = stack.peek(1);
  return stateManager.getCode(createAddressFromBigInt(BigInt.asUintN(ADDRESS_BITS, word)));
}

/** As much of the initcode as tells; nothing of one that is too large, which the library refuses (EIP-3860). */
function initcodeStart({ stack, memory }: RunState, common: Common): Uint8Array {
  const [, offset = 0n, length = 0n] = stack.peek(3);
  const isTooLarge = length > MAX_INITCODE_BYTES && common.isActivatedEIP(3860);
  return length < 2n || isTooLarge ? new Uint8Array(0) : memory.read(Number(offset), 2);
}

function codeSize({ stack }: RunState, code: Uint8Array): void {
  stack.pop();
  stack.push(BigInt(code.length));
}

function codeCopy({ stack, memory }: RunState, code: Uint8Array): void {
  const [, to = 0n, from = 0n, length = 0n] = stack.popN(4);
  if (length === 0n) return;
  const start = from > BigInt(code.length) ? code.length : Number(from);
  memory.write(Number(to), Number(length), setLengthRight(code.subarray(start, start + Number(length)), Number(length)));
}

function codeHash({ stack }: RunState, code: Uint8Array): void {
  stack.pop();
  stack.push(bytesToBigInt(keccak256(code)));
}

async function create(state: RunState): Promise<void> {
  const [value = 0n, offset = 0n, length = 0n] = state.stack.popN(3);
  const initcode = state.memory.read(Number(offset), Number(length), true);
  state.stack.push(await state.interpreter.create(gasGiven(state), value, initcode));
}

async function create2(state: RunState): Promise<void> {
  const [value = 0n, offset = 0n, length = 0n, salt = 0n] = state.stack.popN(4);
  const initcode = state.memory.read(Number(offset), Number(length), true);
  const saltBytes = setLengthLeft(bigIntToBytes(salt), WORD_BYTES);
  state.stack.push(await state.interpreter.create2(gasGiven(state), value, initcode, saltBytes));
}

/** The gas handler left it there. */
function gasGiven(state: RunState): bigint {
  const gas = state.messageGasLimit ?? 0n;
  delete state.messageGasLimit;
  return gas;
}
