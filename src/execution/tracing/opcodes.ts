/**
 * Opcodes as tracers speak of them: geth's names, how many words each takes and leaves (Yellow Paper, appendix H.2, and
 * the EIPs since), and which part of memory it touches.
 */

export const OP = {
  mstore8: 0x53,
  mload: 0x51,
  mstore: 0x52,
  sload: 0x54,
  sstore: 0x55,
  jumpi: 0x57,
  keccak256: 0x20,
  balance: 0x31,
  callDataCopy: 0x37,
  codeCopy: 0x39,
  extCodeSize: 0x3b,
  extCodeCopy: 0x3c,
  returnDataCopy: 0x3e,
  extCodeHash: 0x3f,
  mcopy: 0x5e,
  log0: 0xa0,
  log4: 0xa4,
  create: 0xf0,
  call: 0xf1,
  callCode: 0xf2,
  return: 0xf3,
  delegateCall: 0xf4,
  create2: 0xf5,
  staticCall: 0xfa,
  revert: 0xfd,
  selfDestruct: 0xff,
} as const;

/** First opcode of a run, and the names from there on; a dash leaves a number out. */
const NAMES: readonly (readonly [first: number, names: string])[] = [
  [0x00, 'STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND'],
  [0x10, 'LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR CLZ'],
  [0x20, 'KECCAK256'],
  [0x30, 'ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY CODESIZE CODECOPY GASPRICE'],
  [0x3b, 'EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH'],
  [0x40, 'BLOCKHASH COINBASE TIMESTAMP NUMBER DIFFICULTY GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBHASH BLOBBASEFEE SLOTNUM'],
  [0x50, 'POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST TLOAD TSTORE MCOPY PUSH0'],
  [0x60, numbered('PUSH', 1, 32)],
  [0x80, numbered('DUP', 1, 16)],
  [0x90, numbered('SWAP', 1, 16)],
  [0xa0, numbered('LOG', 0, 4)],
  [0xd0, 'DATALOAD DATALOADN DATASIZE DATACOPY'],
  [0xe0, 'RJUMP RJUMPI RJUMPV CALLF RETF JUMPF DUPN SWAPN EXCHANGE - - - EOFCREATE - RETURNCONTRACT'],
  [0xf0, 'CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2 - RETURNDATALOAD EXTCALL EXTDELEGATECALL'],
  [0xfa, 'STATICCALL EXTSTATICCALL - REVERT INVALID SELFDESTRUCT'],
];

const TABLE: readonly string[] = table();

/** As geth writes it in struct logs and errors. */
export function opName(op: number): string {
  return TABLE[op] ?? `opcode 0x${op.toString(16)} not defined`;
}

/** Words taken from the stack and left on it, as two digits in base 32; a dash where there is no such opcode. */
const STACK: readonly (readonly [first: number, effects: string])[] = [
  [0x00, '00 21 21 21 21 21 21 21 31 31 21 21'],
  [0x10, '21 21 21 21 21 11 21 21 21 11 21 21 21 21 11'],
  [0x20, '21'],
  [0x30, '01 11 01 01 01 11 01 30 01 30 01 11 40 01 30 11'],
  [0x40, '11 01 01 01 01 01 01 01 01 11 01'],
  [0x50, '10 11 20 20 11 20 10 20 01 01 01 00 11 20 30'],
  [0x5f, Array(33).fill('01').join(' ')],
  [0x80, pairs(16, (n) => [n, n + 1])],
  [0x90, pairs(16, (n) => [n + 1, n + 1])],
  [0xa0, '20 30 40 50 60'],
  [0xf0, '31 71 71 20 61 41 - - - - 61 - - 20 - 10'],
];

const EFFECTS: readonly (readonly [taken: number, left: number] | undefined)[] = effects();
export const STACK_LIMIT = 1024;

/** Nothing for an opcode that does not exist: geth then looks at no stack. */
export function stackEffect(op: number): readonly [taken: number, left: number] {
  return EFFECTS[op] ?? [0, 0];
}

/** Where offset and length stand, counted from the top of the stack; a length of its own where that is fixed. */
type Region = readonly [offset: number, length: number | { readonly bytes: bigint }];
const WORD = { bytes: 32n };
const regions = (...all: Region[]): readonly Region[] => all;

const REGIONS: ReadonlyMap<number, readonly Region[]> = new Map<number, readonly Region[]>([
  [OP.keccak256, [[0, 1]]],
  [OP.callDataCopy, [[0, 2]]],
  [OP.codeCopy, [[0, 2]]],
  [OP.returnDataCopy, [[0, 2]]],
  [OP.extCodeCopy, [[1, 3]]],
  [OP.mload, [[0, WORD]]],
  [OP.mstore, [[0, WORD]]],
  [OP.mstore8, [[0, { bytes: 1n }]]],
  [OP.mcopy, regions([0, 2], [1, 2])],
  [OP.create, [[1, 2]]],
  [OP.create2, [[1, 2]]],
  [OP.call, regions([3, 4], [5, 6])],
  [OP.callCode, regions([3, 4], [5, 6])],
  [OP.delegateCall, regions([2, 3], [4, 5])],
  [OP.staticCall, regions([2, 3], [4, 5])],
  [OP.return, [[0, 1]]],
  [OP.revert, [[0, 1]]],
  ...[0, 1, 2, 3, 4].map((topics): [number, Region[]] => [OP.log0 + topics, [[0, 1]]]),
]);

const WRITERS: ReadonlySet<number> = new Set([
  ...[OP.callDataCopy, OP.codeCopy, OP.returnDataCopy, OP.extCodeCopy],
  ...[OP.mstore, OP.mstore8, OP.mcopy],
]);

/** The size that memory must have for this, in bytes; `peek` reads the stack from its top. */
export function memoryNeeded(op: number, peek: (depth: number) => bigint): bigint {
  let needed = 0n;
  for (const [offset, length] of REGIONS.get(op) ?? []) {
    const bytes = typeof length === 'number' ? peek(length) : length.bytes;
    const end = bytes === 0n ? 0n : peek(offset) + bytes;
    if (end > needed) needed = end;
  }
  return needed;
}

/** The part of memory that a step writes; null when it writes none. */
export function memoryWritten(op: number, peek: (depth: number) => bigint): { readonly offset: bigint; readonly length: bigint } | null {
  const regions = REGIONS.get(op) ?? [];
  // Of two regions the calls read the first and write the second, and MCOPY the other way round.
  const region = isCall(op) ? regions[1] : WRITERS.has(op) ? regions[0] : undefined;
  if (region === undefined) return null;
  const [offset, length] = region;
  return { offset: peek(offset), length: typeof length === 'number' ? peek(length) : length.bytes };
}

export function isLog(op: number): boolean {
  return op >= OP.log0 && op <= OP.log4;
}

export function isCall(op: number): boolean {
  return op === OP.call || op === OP.callCode || op === OP.delegateCall || op === OP.staticCall;
}

export function isCreate(op: number): boolean {
  return op === OP.create || op === OP.create2;
}

function numbered(name: string, first: number, last: number): string {
  return Array.from({ length: last - first + 1 }, (_, at) => `${name}${first + at}`).join(' ');
}

function pairs(count: number, effect: (n: number) => [number, number]): string {
  const effects = Array.from({ length: count }, (_, at) => effect(at + 1));
  return effects.map(([taken, left]) => taken.toString(32) + left.toString(32)).join(' ');
}

function table(): string[] {
  const names: string[] = [];
  for (const [first, run] of NAMES) for (const [at, name] of run.split(' ').entries()) if (name !== '-') names[first + at] = name;
  return names;
}

function effects(): (readonly [number, number])[] {
  const all: (readonly [number, number])[] = [];
  for (const [first, run] of STACK) {
    for (const [at, pair] of run.split(' ').entries()) {
      if (pair !== '-') all[first + at] = [Number.parseInt(pair.charAt(0), 32), Number.parseInt(pair.charAt(1), 32)];
    }
  }
  return all;
}
