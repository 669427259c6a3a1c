/**
 * From the EVM to a tracer, in geth's order of events. What the library passes over in silence is added: calls that fail
 * before they begin (depth, balance), SELFDESTRUCT as a frame of its own, logs at their place.
 */
import { EVMError, type EVMResult, type Message } from '@ethereumjs/evm';
import { present } from '../../base/assert.ts';
import { bigToFixed, EMPTY, toHex } from '../../base/bytes.ts';
import type { Address } from '../../base/types.ts';
import { createdAddress } from '../block-run.ts';
import type { Environment } from '../environment.ts';
import type { Allowance } from './allowance.ts';
import { type FrameCourse, frameFault } from './faults.ts';
import { type InterpreterStep, instrument } from './instrument.ts';
import { isCall, isCreate, isLog, OP, opName, stackEffect } from './opcodes.ts';
import type { FrameStart, FrameType, Tracer } from './tracer.ts';
import { addressFrom, hashFrom, saltedAddress } from './words.ts';

/** A call or creation that was set about. What is not kept here can still be read when it turns out to have failed. */
interface Intent {
  readonly step: InterpreterStep;
  /** The top of the stack, topmost first. */
  readonly operands: readonly bigint[];
  /** What it hands on. */
  readonly gas: bigint;
}

/** A frame that is open. */
interface Course extends FrameCourse {
  readonly depth: number;
  op: number | null;
  fault: string | null;
  returned: bigint;
  /** Where in memory that was. */
  returnedFrom: bigint;
  /** Not begun yet. */
  intent: Intent | null;
  /** What SELFDESTRUCT is about to give, and to whom. */
  legacy: { readonly to: Address; readonly balance: bigint } | null;
  readonly address: Address;
  /** The count of logs when it was entered: those of a frame that fails do not count. */
  readonly logs: number;
}

const MAX_DEPTH = 1_024;
/** A call that moves value lends the callee this much. */
const CALL_STIPEND = 2_300n;
const MAX_NONCE = 2n ** 64n - 1n;

export class Recorder {
  readonly #environment: Environment;
  readonly #allowance: Allowance;
  readonly #tracer: Tracer;
  readonly #frames: Course[] = [];
  readonly #detach: () => void;
  #logs: number;

  /** Attaches to the environment's EVM. `logs`: how many the block's earlier transactions made. */
  constructor(environment: Environment, tracer: Tracer, allowance: Allowance, logs: number) {
    this.#environment = environment;
    this.#tracer = tracer;
    this.#allowance = allowance;
    this.#logs = logs;
    const { evm } = environment.vm;
    const events = present(evm.events, "the EVM's events");
    const enter = (message: Message) => this.#enter(message);
    const exit = (result: EVMResult) => this.#exit(result);
    const restore = instrument(evm, environment.fork, (step) => this.#step(step));
    events.on('beforeMessage', enter);
    events.on('afterMessage', exit);
    this.#detach = () => {
      events.off('beforeMessage', enter);
      events.off('afterMessage', exit);
      restore();
    };
  }

  /** Leaves the EVM as it was. */
  detach(): void {
    this.#detach();
  }

  #step(step: InterpreterStep): void {
    this.#allowance.step();
    const course = present(this.#frames.at(-1), 'a frame around a step');
    this.#missed(course);
    course.op = step.op;
    course.fault = step.error;
    this.#tracer.step?.(step);
    if (step.error !== null || step.undefined) return;
    if (isCall(step.op) || isCreate(step.op)) course.intent = intentOf(step);
    else if (isLog(step.op)) this.#log(step);
    else if (step.op === OP.return) [course.returnedFrom, course.returned] = [step.peek(0), step.peek(1)];
    else if (step.op === OP.selfDestruct) {
      course.legacy = { to: addressFrom(step.peek(0)), balance: this.#environment.state.account(course.address)?.balance ?? 0n };
    }
  }

  #enter(message: Message): void {
    const parent = this.#frames.at(-1);
    const start = parent === undefined ? this.#outermost(message) : this.#inner(message, parent);
    this.#frames.push({
      depth: this.#frames.length,
      isCreation: message.to === undefined,
      op: null,
      fault: null,
      returned: 0n,
      returnedFrom: 0n,
      intent: null,
      legacy: null,
      // Under DELEGATECALL and CALLCODE the code is another's, and the account is not.
      address: message.to === undefined ? start.to : addressOf(message.to),
      logs: this.#logs,
    });
    this.#tracer.enter?.(start);
  }

  #exit({ execResult }: EVMResult): void {
    const course = present(this.#frames.pop(), 'a frame to leave');
    const error = execResult.exceptionError?.error;
    if (error === undefined) {
      this.#missed(course);
      if (course.legacy !== null) this.#selfDestruct(course, course.legacy);
    }
    // In frontier a creation that could not pay for its code stands, empty; geth reports no error, and the code.
    const stands = this.#environment.fork === 'frontier' && error === EVMError.errorMessages.CODESTORE_OUT_OF_GAS;
    const failed = error !== undefined && !stands;
    if (failed) this.#logs = course.logs;
    this.#tracer.exit?.({
      depth: course.depth,
      output: stands ? unpaidCode(execResult, course) : execResult.returnValue,
      gasUsed: execResult.executionGasUsed,
      error: failed ? frameFault(error, course) : null,
    });
  }

  #outermost(message: Message): FrameStart {
    const { to, caller, data, gasLimit, value } = message;
    const from = addressOf(caller);
    const common = { depth: 0, from, input: data, gas: gasLimit, value };
    return to === undefined ? { ...common, type: 'CREATE', to: this.#nextCreated(from) } : { ...common, type: 'CALL', to: addressOf(to) };
  }

  #inner(message: Message, parent: Course): FrameStart {
    const { step } = present(parent.intent, 'a call that was set about');
    parent.intent = null;
    const { depth, data, gasLimit: gas, value } = message;
    const type = opName(step.op) as FrameType;
    const common = { depth, type, from: parent.address, input: data, gas };
    if (!isCreate(step.op)) return { ...common, to: addressOf(message.codeAddress), value: type === 'STATICCALL' ? null : value };
    const salt = message.salt;
    return { ...common, to: salt === undefined ? this.#nextCreated(parent.address) : saltedAddress(parent.address, salt, data), value };
  }

  /** The nonce of a creator has been raised already. */
  #nextCreated(creator: Address): Address {
    return createdAddress(creator, (this.#environment.state.account(creator)?.nonce ?? 1n) - 1n);
  }

  /** Whatever was set about last and did not begin has failed at once, which geth reports as a frame. */
  #missed(course: Course): void {
    const { intent, address } = course;
    if (intent === null) return;
    course.intent = null;
    const depth = course.depth + 1;
    const nonce = this.#environment.state.account(address)?.nonce ?? 0n;
    const start = { depth, from: address, gas: intent.gas, ...intended(intent, address, nonce) };
    this.#tracer.enter?.(start);
    this.#tracer.exit?.({ depth, output: EMPTY, gasUsed: 0n, error: refusal(start, nonce) });
  }

  #selfDestruct(course: Course, { to, balance }: { readonly to: Address; readonly balance: bigint }): void {
    const depth = course.depth + 1;
    this.#tracer.enter?.({ depth, type: 'SELFDESTRUCT', from: course.address, to, input: EMPTY, gas: 0n, value: balance });
    this.#tracer.exit?.({ depth, output: EMPTY, gasUsed: 0n, error: null });
  }

  /** A frame that may write nothing fails with its first log, and takes it along. */
  #log(step: InterpreterStep): void {
    const topics = Array.from({ length: step.op - OP.log0 }, (_, at) => hashFrom(step.peek(2 + at)));
    const data = toHex(step.memory(step.peek(0), step.peek(1)));
    this.#tracer.log?.({ address: step.address, topics, data, index: this.#logs });
    this.#logs++;
  }
}

/** What the initcode returned, which the library has dropped. */
function unpaidCode({ runState }: EVMResult['execResult'], { returnedFrom, returned }: Course): Uint8Array {
  return runState?.memory._store.slice(Number(returnedFrom), Number(returnedFrom + returned)) ?? EMPTY;
}

function intentOf(step: InterpreterStep): Intent {
  const { runState, op, gas, cost } = step;
  const operands = runState.stack.peek(stackEffect(op)[0]);
  const hasStipend = (op === OP.call || op === OP.callCode) && (operands[2] ?? 0n) > 0n;
  const stipend = hasStipend ? CALL_STIPEND : 0n;
  const left = gas - cost;
  return { step, operands, gas: isCreate(op) ? left - left / 64n : (runState.messageGasLimit ?? 0n) + stipend };
}

/** The frame that would have been. */
function intended({ step, operands }: Intent, address: Address, nonce: bigint): Pick<FrameStart, 'type' | 'to' | 'input' | 'value'> {
  const { op, runState } = step;
  const operand = (index: number) => operands[index] ?? 0n;
  // Nothing has been written to memory since.
  const read = (offset: bigint, length: bigint) => runState.memory._store.slice(Number(offset), Number(offset + length));
  const type = opName(op) as FrameType;
  if (isCreate(op)) {
    const input = operand(2) === 0n ? EMPTY : read(operand(1), operand(2));
    const to = op === OP.create ? createdAddress(address, nonce) : saltedAddress(address, bigToFixed(operand(3), 32), input);
    return { type, to, input, value: operand(0) };
  }
  const hasValue = op === OP.call || op === OP.callCode;
  const at = hasValue ? 3 : 2;
  const input = operand(at + 1) === 0n ? EMPTY : read(operand(at), operand(at + 1));
  const inherited = op === OP.delegateCall ? runState.env.callValue : null;
  return { type, to: addressFrom(operand(1)), input, value: hasValue ? operand(2) : inherited };
}

function refusal({ depth, type }: FrameStart, nonce: bigint): string {
  if (depth > MAX_DEPTH) return 'max call depth exceeded';
  const spent = (type === 'CREATE' || type === 'CREATE2') && nonce === MAX_NONCE;
  return spent ? 'nonce uint64 overflow' : 'insufficient balance for transfer';
}

function addressOf({ bytes }: { readonly bytes: Uint8Array }): Address {
  return toHex(bytes) as Address;
}
