/**
 * A small JSON-RPC 2.0 client over HTTP, with which commands talk to a running node.
 *
 * The node may be somebody else's: replies are bounded in time and size, and everything that can go wrong becomes one
 * UsageError that says what to do about it.
 */
import { Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { argumentError } from './output.ts';

export const DEFAULT_RPC_URL = 'http://127.0.0.1:8545';
const TIMEOUT_MS = 30_000;
/** Nodes cap a reply at 25 MB; a little more leaves room for the envelope. */
const MAX_REPLY_BYTES = 32 * 1024 * 1024;
const MAX_ERROR_CHARACTERS = 500;

export interface RpcClient {
  readonly url: string;
  /** The reply's `result`. Throws UsageError `rpc/...`: unreachable, timeout, bad-reply, refused (with the node's own message). */
  call(method: string, params?: readonly unknown[]): Promise<unknown>;
}

export interface RpcClientOptions {
  readonly timeoutMs?: number;
  readonly maxReplyBytes?: number;
  /** Sent as a bearer token, for methods that a node keeps for its operator. */
  readonly token?: string;
}

/** The option that every command which talks to a node has. */
export function rpcOption(): Option {
  return new Option('--rpc <url>', 'the node to talk to').env('SYNOD_RPC').default(DEFAULT_RPC_URL);
}

export function createRpcClient(url: string, options: RpcClientOptions = {}): RpcClient {
  const { timeoutMs = TIMEOUT_MS, maxReplyBytes = MAX_REPLY_BYTES, token } = options;
  checkUrl(url);
  const headers = { 'content-type': 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  let lastId = 0;
  return {
    url,
    async call(method, params = []) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: ++lastId, method, params });
      const signal = AbortSignal.timeout(timeoutMs);
      const reply = await post(url, { method: 'POST', headers, body, signal, redirect: 'error' }, maxReplyBytes).catch((error: unknown) => {
        throw transportError(url, error, timeoutMs);
      });
      return resultOf(reply, method, url);
    },
  };
}

function checkUrl(text: string): void {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw argumentError('rpc-url', `Expected an http or https URL such as ${DEFAULT_RPC_URL}, got ${quote(text)}.`);
  if (url.username !== '' || url.password !== '') throw argumentError('rpc-url', 'A user name or password in the URL is not supported.');
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function post(url: string, request: RequestInit, maxReplyBytes: number): Promise<Reply> {
  const response = await fetch(url, request);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxReplyBytes) throw new UsageError('rpc/bad-reply', `The reply of ${url} is larger than ${maxReplyBytes} bytes.`, { url });
    chunks.push(chunk);
  }
  return { status: response.status, text: Buffer.concat(chunks).toString('utf8') };
}

function transportError(url: string, error: unknown, timeoutMs: number): UsageError {
  if (error instanceof UsageError) return error;
  if (error instanceof Error && error.name === 'TimeoutError')
    return new UsageError('rpc/timeout', `${url} did not answer within ${timeoutMs / 1000} seconds.`, { url, timeoutMs });
  // fetch says only "fetch failed" and keeps the reason in the cause.
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ECONNREFUSED') {
    const advice = 'Start one with `npm start` (a test network) or `synod node`, or name another with --rpc.';
    return new UsageError('rpc/unreachable', `No node answers at ${url}. ${advice}`, { url });
  }
  return new UsageError('rpc/unreachable', `Cannot talk to ${url}`, { url }, cause);
}

function resultOf(reply: Reply, method: string, url: string): unknown {
  const message = parseObject(reply.text);
  if (message === undefined || !('result' in message || 'error' in message)) {
    const sample = quote(reply.text.trim());
    throw new UsageError('rpc/bad-reply', `${url} is not a JSON-RPC node: it answered ${method} with HTTP ${reply.status} and ${sample}.`, {
      url,
    });
  }
  if (message.error !== undefined && message.error !== null) throw refusal(method, message.error, url);
  return message.result;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(method: string, error: unknown, url: string): UsageError {
  const { code, message, data } = isObject(error) ? error : { code: undefined, message: error, data: undefined };
  const reason = (typeof message === 'string' ? message : JSON.stringify(message ?? null)).slice(0, MAX_ERROR_CHARACTERS);
  const rpcCode = typeof code === 'number' ? code : null;
  return new UsageError('rpc/refused', `The node refused ${method}: ${reason}${rpcCode === null ? '' : ` (${rpcCode})`}`, {
    url,
    method,
    rpcCode,
    // What a contract that reverted returned.
    data: typeof data === 'string' ? data : null,
  });
}

/** A quantity in a node's reply. Throws `rpc/bad-reply`. */
export function quantity(value: unknown, what: string): bigint {
  if (typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)) return BigInt(value);
  const sample = quote(JSON.stringify(value) ?? 'nothing');
  throw new UsageError('rpc/bad-reply', `The node's ${what} should be a hex quantity, but is ${sample}.`);
}
