/**
 * Why a step or a frame failed, in geth's sentences (core/vm/errors.go), which explorers and tests compare. The library
 * has fewer words and checks in another order: geth looks at the stack first, then at the gas, then executes.
 */
import { EVMError } from '@ethereumjs/evm';
import type { Fork } from '../../chain/params.ts';
import { isAtLeast } from '../../chain/params.ts';
import { MAX_INITCODE_BYTES } from '../transaction-rules.ts';
import { isCreate, memoryNeeded, OP, opName, STACK_LIMIT, stackEffect } from './opcodes.ts';
import { REVERTED } from './tracer.ts';

const OUT_OF_GAS = 'out of gas';
const OVERFLOW = 'gas uint64 overflow';
/** EIP-170. */
const MAX_CODE_BYTES = 24_576;
/** EIP-2200: with no more than the stipend left nothing is stored. */
const STORE_SENTRY = 2_300n;
/** geth prices no memory beyond this, and none beyond 64 bits at all. */
const MAX_PRICED_BYTES = 0x1fffffffe0n;
const MAX_ADDRESSED_BYTES = 2n ** 64n - 32n;

/** What geth would look at before a step. */
export interface Attempt {
  readonly op: number;
  /** Not defined under the fork. */
  readonly undefined: boolean;
  readonly fork: Fork;
  readonly stackSize: number;
  readonly gas: bigint;
  /** The part of the price that is known without looking at the operands. */
  readonly fee: bigint;
  peek(depth: number): bigint;
}

/** Before any operand is looked at. */
export function earlyFault({ op, undefined: unknown, stackSize, gas, fee }: Attempt): string | null {
  const [taken, left] = unknown ? [0, 0] : stackEffect(op);
  if (stackSize < taken) return `stack underflow (${stackSize} <=> ${taken})`;
  const most = STACK_LIMIT + taken - left;
  if (stackSize > most) return `stack limit reached ${stackSize} (${most})`;
  return fee > gas ? OUT_OF_GAS : null;
}

/** Once the price is known; null when the step can be taken. */
export function priceFault(attempt: Attempt, cost: bigint): string | null {
  const { op, fork, gas } = attempt;
  if (isCreate(op) && isAtLeast(fork, 'shanghai')) {
    const length = attempt.peek(2);
    if (length > BigInt(MAX_INITCODE_BYTES)) {
      return `${OUT_OF_GAS}: max initcode size exceeded: code size ${length} limit ${MAX_INITCODE_BYTES}`;
    }
  }
  return cost > gas ? unpaid(attempt) : null;
}

/** When the library gave up while it worked out the price. */
export function thrownFault(attempt: Attempt, error: EVMError['error']): string | null {
  const { op, gas } = attempt;
  if (error === EVMError.errorMessages.STATIC_STATE_CHANGE) return isPricedWrite(op) ? `${OUT_OF_GAS}: write protection` : null;
  // geth finds this one when it executes.
  if (op === OP.returnDataCopy) return null;
  if (op === OP.sstore && gas <= STORE_SENTRY) return `${OUT_OF_GAS}: not enough gas for reentrancy sentry`;
  return unpaid(attempt);
}

function unpaid(attempt: Attempt): string {
  const needed = memoryNeeded(attempt.op, (depth) => attempt.peek(depth));
  if (needed > MAX_ADDRESSED_BYTES) return OVERFLOW;
  return needed > MAX_PRICED_BYTES ? `${OUT_OF_GAS}: ${OVERFLOW}` : OUT_OF_GAS;
}

/** geth forbids these in a static call while it works out the price, and LOG and TSTORE when it executes. */
function isPricedWrite(op: number): boolean {
  return op === OP.sstore || op === OP.call || op === OP.selfDestruct || isCreate(op);
}

/** The library's words for what is not told by the step itself. */
const SENTENCES: ReadonlyMap<string, string> = new Map([
  [EVMError.errorMessages.REVERT, REVERTED],
  [EVMError.errorMessages.STATIC_STATE_CHANGE, 'write protection'],
  [EVMError.errorMessages.CREATE_COLLISION, 'contract address collision'],
  [EVMError.errorMessages.INSUFFICIENT_BALANCE, 'insufficient balance for transfer'],
  [EVMError.errorMessages.INVALID_BYTECODE_RESULT, 'invalid code: must not begin with 0xef'],
  [EVMError.errorMessages.CODESTORE_OUT_OF_GAS, 'contract creation code storage out of gas'],
  [EVMError.errorMessages.INITCODE_SIZE_VIOLATION, 'max initcode size exceeded'],
]);

/** How a frame ended, as far as the recorder saw it. */
export interface FrameCourse {
  readonly isCreation: boolean;
  /** The last opcode that was set about; null when no code ran. */
  readonly op: number | null;
  /** Why that could not be taken. */
  readonly fault: string | null;
  /** The length that the last RETURN gave. */
  readonly returned: bigint;
}

export function frameFault(error: EVMError['error'], { isCreation, op, fault, returned }: FrameCourse): string {
  if (fault !== null) return fault;
  if (error === EVMError.errorMessages.INVALID_OPCODE && op !== null) return `invalid opcode: ${opName(op)}`;
  if (error === EVMError.errorMessages.OUT_OF_GAS && op === OP.returnDataCopy) return 'return data out of bounds';
  // The code ran to its end, so the gas was missing for storing what it returned.
  if (error === EVMError.errorMessages.OUT_OF_GAS && isCreation && op !== null) return 'contract creation code storage out of gas';
  // The library says where, in words of its own.
  if (error.startsWith(EVMError.errorMessages.INVALID_JUMP)) return 'invalid jump destination';
  if (error === EVMError.errorMessages.OUT_OF_RANGE && op === null) return 'invalid input length';
  if (error === EVMError.errorMessages.CODESIZE_EXCEEDS_MAXIMUM) {
    return `max code size exceeded: code size ${returned} limit ${MAX_CODE_BYTES}`;
  }
  return SENTENCES.get(error) ?? error;
}
