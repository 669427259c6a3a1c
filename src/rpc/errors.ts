/**
 * Errors that a client sees (JSON-RPC 2.0 section 5.1, EIP-1474, and geth's sentences, which tools compare).
 *
 * An RpcError is answered as it is. A RuleError of another part of the node is the client's fault as well: its sentence
 * is answered with -32000 and, by methods that are ours and those that take transactions, its code as `data.reason`.
 * Anything else is our fault: the client learns only that.
 */
import { RuleError } from '../base/errors.ts';
import { type Hex, type Json, quote } from '../base/types.ts';

export const RPC_CODES = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  server: -32000,
  timeout: -32002,
  tooLarge: -32003,
  limit: -32005,
  /** EIP-1474: the name is known, and what it means cannot be done here. */
  unsupported: -32004,
  revert: 3,
  /** EIP-7966. */
  notMinedInTime: 4,
  nonceGap: 6,
  /** eth_simulateV1's own. */
  execution: -32015,
  nonceTooLow: -38010,
  nonceTooHigh: -38011,
  feeTooLow: -38012,
  intrinsicGas: -38013,
  insufficientFunds: -38014,
  blockGas: -38015,
  blockNumber: -38020,
  blockTimestamp: -38021,
  senderHasCode: -38024,
  initcodeSize: -38025,
  clientLimit: -38026,
} as const;

export type RpcCode = (typeof RPC_CODES)[keyof typeof RPC_CODES];

export interface ErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: Json;
}

export class RpcError extends RuleError {
  readonly rpcCode: RpcCode;
  readonly data: Json | undefined;

  constructor(rpcCode: RpcCode, code: string, message: string, data?: Json) {
    super(code, message);
    this.rpcCode = rpcCode;
    this.data = data;
  }
}

export function parseError(what: string): RpcError {
  return new RpcError(RPC_CODES.parse, 'rpc/parse', `parse error: ${what}`);
}

export function invalidRequest(what: string): RpcError {
  return new RpcError(RPC_CODES.invalidRequest, 'rpc/invalid-request', what);
}

export function methodNotFound(name: string): RpcError {
  return new RpcError(RPC_CODES.methodNotFound, 'rpc/method-not-found', `the method ${printable(name)} does not exist/is not available`);
}

export function invalidParams(what: string): RpcError {
  return new RpcError(RPC_CODES.invalidParams, 'rpc/invalid-params', what);
}

/** Asked for something sensible that the node cannot give; geth's default code. */
export function refused(code: string, message: string, data?: Json): RpcError {
  return new RpcError(RPC_CODES.server, code, message, data);
}

export function limitExceeded(message: string): RpcError {
  return new RpcError(RPC_CODES.limit, 'rpc/limit', message);
}

export function replyTooLarge(maxBytes: number): RpcError {
  return new RpcError(RPC_CODES.tooLarge, 'rpc/reply-too-large', `response too large: more than ${maxBytes} bytes; ask for less at once`);
}

export function timedOut(timeoutMs: number): RpcError {
  return new RpcError(RPC_CODES.timeout, 'rpc/timeout', `request timed out: no answer within ${timeoutMs / 1000} seconds`);
}

/** `data` is what the contract returned; `reason` its text, when it has one. */
export function reverted(data: Hex, reason: string | undefined): RpcError {
  const message = reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`;
  return new RpcError(RPC_CODES.revert, 'rpc/reverted', message, data);
}

/**
 * What a client may know of an error, or undefined for one of our own. `withReason`: our own code as `data.reason`, where
 * that is no method of geth's, whose errors have no data.
 */
export function errorObject(error: unknown, withReason: boolean): ErrorObject | undefined {
  if (error instanceof RpcError) {
    return { code: error.rpcCode, message: error.message, ...(error.data !== undefined && { data: error.data }) };
  }
  // Sentences end without a full stop, as geth's do.
  if (error instanceof RuleError) {
    const message = error.message.replace(/\.$/, '');
    return { code: RPC_CODES.server, message, ...(withReason && { data: { reason: error.code } }) };
  }
  return undefined;
}

/** A method's name as the client gave it: bare when it looks like one, else quoted and cut. */
function printable(name: string): string {
  return /^\w{1,64}$/.test(name) ? name : quote(name, 64);
}
