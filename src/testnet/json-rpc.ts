/**
 * The envelope of JSON-RPC 2.0 (jsonrpc.org/specification) as the control server of a test network speaks it: one call in a
 * request, no batches, no notifications. Our own code of an error stands in `error.data.code`.
 */
import { z } from 'zod';
import { explain, SynodError, UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';

export const PARSE_ERROR = -32_700;
export const INVALID_REQUEST = -32_600;
export const METHOD_NOT_FOUND = -32_601;
export const INVALID_PARAMS = -32_602;
/** The method was called and refused; `data.code` says why. */
export const SERVER_ERROR = -32_000;
export const UNAUTHORIZED = -32_001;

export type CallId = string | number | null;
/** By position or by name. */
export type CallParams = readonly Json[] | { readonly [name: string]: Json };

export interface Call {
  readonly id: CallId;
  readonly method: string;
  readonly params: CallParams;
}

export type Answer = {
  readonly jsonrpc: '2.0';
  readonly id: CallId;
  readonly result?: Json;
  readonly error?: { readonly code: number; readonly message: string; readonly data: { readonly code: string } };
};

const CallShape = z.object({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number(), z.null()]).default(null),
  method: z.string().max(100),
  params: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).default([]),
});

const NUMBERS: Readonly<Record<string, number>> = {
  'testnet/parse': PARSE_ERROR,
  'testnet/request': INVALID_REQUEST,
  'testnet/no-such-method': METHOD_NOT_FOUND,
  'testnet/parameters': INVALID_PARAMS,
  'testnet/token': UNAUTHORIZED,
};

/** Throws UsageError `testnet/parse` for what is not JSON, `testnet/request` for what is no call. */
export function parseCall(text: string): Call {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError('testnet/parse', 'The request is not JSON', {}, cause);
  }
  if (Array.isArray(value)) throw new UsageError('testnet/request', 'Batches are not supported; send one call in a request.');
  const parsed = CallShape.safeParse(value);
  if (parsed.success) return parsed.data as Call;
  throw new UsageError(
    'testnet/request',
    'Expected a JSON-RPC 2.0 call such as {"jsonrpc":"2.0","id":1,"method":"testnet_status","params":[]}.',
  );
}

export function success(id: CallId, result: Json): Answer {
  return { jsonrpc: '2.0', id, result };
}

/** What is not an error of ours is a bug; its message is shown all the same, since who asks is the owner of the network. */
export function failure(id: CallId, error: unknown): Answer {
  const code = error instanceof SynodError ? error.code : 'testnet/failed';
  return { jsonrpc: '2.0', id, error: { code: NUMBERS[code] ?? SERVER_ERROR, message: explain(error), data: { code } } };
}
