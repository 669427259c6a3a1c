/**
 * Reports each step of an EVM before it is taken. The library's own `step` event copies the whole memory every time, and
 * reads what a REVERT names before that is paid for, with which a contract exhausts the process. Here the table of opcodes
 * is replaced by one whose gas handlers report; they run before each step, and see the interpreter itself.
 */
import { EVMError, type EVMInterface, type getOpcodesForHF } from '@ethereumjs/evm';
import { toHex } from '../../base/bytes.ts';
import type { Address } from '../../base/types.ts';
import type { Fork } from '../../chain/params.ts';
import { type Attempt, earlyFault, priceFault, thrownFault } from './faults.ts';
import { isCall } from './opcodes.ts';
import type { Step } from './tracer.ts';

type OpcodeTable = ReturnType<typeof getOpcodesForHF>['opcodeMap'];
type Entry = OpcodeTable[number];
export type RunState = Parameters<Entry['gasHandler']>[0];

/** The library keeps its table from subclasses only. */
interface HasTable {
  _opcodeMap: OpcodeTable;
}

/** `onStep` may throw, which ends the execution. Answers the function that takes it out again. */
export function instrument(evm: EVMInterface, fork: Fork, onStep: (step: InterpreterStep) => void): () => void {
  const holder = evm as unknown as HasTable;
  const original = holder._opcodeMap;
  holder._opcodeMap = original.map((entry) => reporting(entry, fork, onStep));
  return () => {
    holder._opcodeMap = original;
  };
}

function reporting({ opcodeInfo, opHandler, gasHandler }: Entry, fork: Fork, onStep: (step: InterpreterStep) => void): Entry {
  const fee = opcodeInfo.feeBigInt;
  const price: Entry['gasHandler'] = opcodeInfo.dynamicGas ? gasHandler : (_, gas) => gas;
  const report: Entry['gasHandler'] = async (runState, gas, common) => {
    const step = new InterpreterStep(runState, { fork, fee, undefined: opcodeInfo.isInvalid });
    try {
      const cost = await price(runState, gas, common);
      step.priced(cost);
      onStep(step);
      return cost;
    } catch (error) {
      if (!(error instanceof EVMError)) throw error;
      step.thrown(error.error);
      onStep(step);
      throw error;
    }
  };
  return { opcodeInfo: { ...opcodeInfo, dynamicGas: true }, opHandler, gasHandler: report };
}

/** A step, read from the interpreter as it is asked for. */
export class InterpreterStep implements Step, Attempt {
  readonly pc: number;
  readonly op: number;
  readonly gas: bigint;
  readonly fee: bigint;
  readonly fork: Fork;
  readonly undefined: boolean;
  readonly stackSize: number;
  readonly memorySize: number;
  readonly runState: RunState;
  cost: bigint;
  error: string | null;

  constructor(runState: RunState, { fork, fee, undefined: unknown }: Pick<Attempt, 'fork' | 'fee' | 'undefined'>) {
    this.runState = runState;
    this.pc = runState.programCounter;
    this.op = runState.opCode;
    this.gas = runState.gasLeft;
    this.fee = fee;
    this.fork = fork;
    this.undefined = unknown;
    this.stackSize = runState.stack.length;
    // Pricing raises the count of words beforehand; geth traces memory as it was.
    this.memorySize = Number(runState.memoryWordCount) * 32;
    this.cost = fee;
    this.error = earlyFault(this);
  }

  get depth(): number {
    return this.runState.env.depth + 1;
  }

  get address(): Address {
    return toHex(this.runState.env.address.bytes) as Address;
  }

  get refund(): bigint {
    return this.runState.gasRefund;
  }

  get returnData(): Uint8Array {
    return this.runState.returnBytes;
  }

  get stack(): readonly bigint[] {
    return this.runState.stack.getStack();
  }

  peek(depth: number): bigint {
    return this.stackSize > depth ? (this.runState.stack.peek(depth + 1)[depth] ?? 0n) : 0n;
  }

  memory(offset: bigint, length: bigint): Uint8Array {
    const bytes = new Uint8Array(Number(length));
    const end = Math.min(this.memorySize, Number(offset + length));
    if (length > 0n && offset < BigInt(end)) bytes.set(this.runState.memory._store.subarray(Number(offset), end));
    return bytes;
  }

  /** The library's price, to which geth adds what a call hands on. */
  priced(cost: bigint): void {
    if (this.error !== null) return;
    const handedOn = isCall(this.op) ? (this.runState.messageGasLimit ?? 0n) : 0n;
    this.cost = cost + handedOn;
    this.error = priceFault(this, cost);
  }

  thrown(error: EVMError['error']): void {
    this.error ??= thrownFault(this, error);
  }
}
