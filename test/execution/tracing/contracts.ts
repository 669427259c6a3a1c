/** Small contracts to trace, assembled here, on a chain in memory; and traces of them without a worker. */

import { fromHex, toHex } from '../../../src/base/bytes.ts';
import { type Address, type Hash, type Hex, ZERO_HASH } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { createdAddress } from '../../../src/execution/block-run.ts';
import type { CallRequest } from '../../../src/execution/call-types.ts';
import { Pacer } from '../../../src/execution/pacer.ts';
import { opName } from '../../../src/execution/tracing/opcodes.ts';
import { runTraceJob } from '../../../src/execution/tracing/trace-job.ts';
import type { TracedBlock, TraceRequest, TraceTarget } from '../../../src/execution/tracing/trace-request.ts';
import type { TracerSpec } from '../../../src/execution/tracing/tracers.ts';
import { ALICE, BOB, deployment, ETHER, RANDOMNESS, TestChain, transaction } from '../support.ts';

const CODES = new Map(Array.from({ length: 256 }, (_, op) => [opName(op), op]));

/** Words separated by spaces: names of opcodes, and numbers, which are pushed; `raw:` before hex leaves it as it is. */
export function assemble(source: string): Hex {
  const bytes = source
    .trim()
    .split(/\s+/)
    .map((word) => {
      if (word.startsWith('raw:')) return word.slice(4);
      const op = CODES.get(word);
      return op === undefined ? pushed(BigInt(word)) : byte(op);
    });
  return `0x${bytes.join('')}`;
}

function pushed(value: bigint): string {
  const digits = value.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  return value === 0n ? byte(0x5f) : byte(0x5f + even.length / 2) + even;
}

function byte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

/** ALICE deploys them in this order, so that each may name those before it. */
const ORDER = [
  'leaf',
  'reverter',
  'caller',
  'poor',
  'maker',
  'destroyer',
  'loop',
  'bloat',
  'undefinedOp',
  'underflow',
  'badJump',
  'recursive',
] as const;
export type Name = (typeof ORDER)[number];

export function at(name: Name): Address {
  return createdAddress(ALICE.address, BigInt(ORDER.indexOf(name)));
}

const NO = '08c379a00000000000000000000000000000000000000000000000000000000000000020';
const REASON = `${NO}${'02'.padStart(64, '0')}${'6e6f'.padEnd(64, '0')}`;

const SOURCES: Readonly<Record<Name, string>> = {
  // Stores 7 in slot 1, logs the word 5 under topic 0x2a, returns it.
  leaf: '7 1 SSTORE 5 0 MSTORE 0x2a 32 0 LOG1 32 0 RETURN',
  // Error("no"), which stands behind the ten bytes of code.
  reverter: `100 10 0 CODECOPY 100 0 REVERT raw:${REASON}`,
  // CALL with 3 wei, DELEGATECALL, STATICCALL (which may not store), CALL of the reverter; then a log.
  caller: [
    `0 0 0 0 3 ${at('leaf')} 100000 CALL POP`,
    `0 0 0 0 ${at('leaf')} 100000 DELEGATECALL POP`,
    `0 0 0 0 ${at('leaf')} 50000 STATICCALL POP`,
    `0 0 0 0 0 ${at('reverter')} 50000 CALL POP`,
    '1 2 0 0 LOG2 STOP',
  ].join(' '),
  // More value than there is.
  poor: `0 0 0 0 ${10n * ETHER} ${at('leaf')} 50000 CALL STOP`,
  // The initcode PUSH1 1 PUSH0 RETURN makes a contract of one zero byte; INVALID makes none.
  maker: '0x60015ff3 0 MSTORE 4 28 0 CREATE POP 77 4 28 0 CREATE2 POP 0xfe 0 MSTORE8 1 0 0 CREATE POP STOP',
  destroyer: `${BOB.address} SELFDESTRUCT`,
  loop: 'JUMPDEST 0 JUMP',
  // Some 260 kB of memory, and then a loop.
  bloat: '1 0x3ffe0 MSTORE JUMPDEST raw:600756',
  undefinedOp: 'raw:0c',
  underflow: 'ADD',
  badJump: '3 JUMP',
  // Calls itself with all gas, until there is none or it is too deep.
  recursive: '0 0 0 0 0 ADDRESS GAS CALL STOP',
};

export class TracedChain {
  readonly chain: TestChain;

  private constructor(chain: TestChain) {
    this.chain = chain;
  }

  /** Block 1 deploys, block 2 calls each contract once, in their order. */
  static async start(): Promise<TracedChain> {
    const chain = await TestChain.start();
    const codes = ORDER.map((name) => deployment(assemble(SOURCES[name])));
    await chain.mine(...codes.map((data, nonce) => transaction(ALICE, nonce, null, { data, gasLimit: 400_000n })));
    const value = 10n;
    await chain.mine(...ORDER.map((name, i) => transaction(ALICE, ORDER.length + i, at(name), { gasLimit: GAS, value })));
    return new TracedChain(chain);
  }

  /** What `name` did when it was called in block 2. */
  transaction(name: Name): TraceTarget {
    const block = this.block(2);
    return { kind: 'transaction', block: { ...block, transactions: block.transactions.slice(0, ORDER.indexOf(name) + 1) } };
  }

  block(number: number): TracedBlock {
    const [parent, block] = [this.chain.blocks[number - 1], this.chain.blocks[number]];
    if (parent === undefined || block === undefined) throw new RangeError(`no block ${number}`);
    return {
      header: block.header,
      hash: hashHeader(block.header),
      parentStateRoot: parent.header.stateRoot,
      transactions: block.transactions,
    };
  }

  call(name: Name, fields: Partial<CallRequest> = {}): TraceTarget {
    const empty = new Uint8Array(0);
    const request = { header: this.chain.head, from: BOB.address, to: at(name), data: empty, value: 0n, gas: GAS, ...fields };
    return { kind: 'call', request, after: null };
  }

  gasUsed(name: Name): bigint {
    const receipt = this.chain.executions[2]?.receipts[ORDER.indexOf(name)];
    if (receipt === undefined) throw new RangeError(`no receipt of ${name}`);
    return receipt.gasUsed;
  }

  request(target: TraceTarget, tracer: TracerSpec, limits: Partial<TraceRequest> = {}): TraceRequest {
    const [header, stateRoot] =
      target.kind === 'call'
        ? [target.request.header, target.after?.parentStateRoot ?? target.request.header.stateRoot]
        : [target.block.header, target.block.parentStateRoot];
    return { header, stateRoot, target, tracer, timeoutMs: 60_000, jobTimeoutMs: 60_000, maxBytes: 50_000_000, ...limits };
  }

  /** Without a worker. */
  async trace(target: TraceTarget, tracer: TracerSpec, limits: Partial<TraceRequest> = {}) {
    const { params, state: source } = this.chain;
    const host = { params, source, gasCap: 50_000_000n, randomness: RANDOMNESS, ancestorHash: () => ZERO_HASH, pacer: new Pacer() };
    return JSON.parse(await runTraceJob(host, this.request(target, tracer, limits)));
  }
}

export const GAS = 300_000n;
export const CALLS: TracerSpec = { name: 'callTracer', options: { onlyTopCall: false, withLog: true } };
export const LOGS: TracerSpec = {
  name: 'structLogger',
  options: { disableStack: false, disableStorage: false, enableMemory: false, enableReturnData: false, limit: 0 },
};

export function word(value: bigint | number): Hash {
  return `0x${value.toString(16).padStart(64, '0')}` as Hash;
}

export const REVERT_DATA: Hex = toHex(fromHex(`0x${REASON}`));
