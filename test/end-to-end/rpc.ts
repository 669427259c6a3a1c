/** Small clients of a running node's RPC: what a test asks in one line. */
import { WebSocket } from 'ws';
import type { NodeStatus } from '../../src/node/status.ts';

const TIMEOUT_MS = 30_000;

export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export interface RpcAnswer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: RpcFailure;
}

export interface RpcBlock {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
  readonly stateRoot: string;
  readonly timestamp: string;
  readonly transactions: readonly string[];
}

export interface RpcReceipt {
  readonly blockHash: string;
  readonly blockNumber: string;
  readonly status: string;
  readonly contractAddress: string | null;
}

export interface RpcLog {
  readonly blockHash: string;
  readonly transactionHash: string;
  readonly data: string;
  readonly removed: boolean;
}

export async function post(url: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

/** The whole answer to one call, whether it succeeded or not. */
export async function answerTo(url: string, method: string, ...params: unknown[]): Promise<RpcAnswer> {
  const response = await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  return (await response.json()) as RpcAnswer;
}

/** The result of a call that must succeed. */
export async function ask<T>(url: string, method: string, ...params: unknown[]): Promise<T> {
  const { result, error } = await answerTo(url, method, ...params);
  if (error !== undefined) throw new Error(`${method}: ${error.message} (${error.code})`);
  return result as T;
}

/** The error of a call that must fail. */
export async function refusal(url: string, method: string, ...params: unknown[]): Promise<RpcFailure> {
  const { result, error } = await answerTo(url, method, ...params);
  if (error === undefined) throw new Error(`${method} should have failed, but answered ${JSON.stringify(result)}`);
  return error;
}

export const statusOf = (url: string) => ask<NodeStatus>(url, 'synod_status');
export const heightOf = async (url: string) => Number(await ask<string>(url, 'eth_blockNumber'));
export const blockAt = (url: string, number: number) =>
  ask<RpcBlock | null>(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false);
export const receiptOf = (url: string, hash: string) => ask<RpcReceipt | null>(url, 'eth_getTransactionReceipt', hash);
export const balanceOf = async (url: string, address: string) => BigInt(await ask<string>(url, 'eth_getBalance', address, 'latest'));

/** The highest block that all of these nodes have on their chain with one hash and one state; undefined while they differ below their heads. */
export async function commonBlock(urls: readonly string[]): Promise<RpcBlock | undefined> {
  const number = Math.min(...(await Promise.all(urls.map(heightOf))));
  const [first, ...others] = await Promise.all(urls.map((url) => blockAt(url, number)));
  const agreed = first !== null && others.every((block) => block?.hash === first?.hash && block?.stateRoot === first?.stateRoot);
  return agreed ? first : undefined;
}

/** Collects what one eth_subscribe subscription brings. */
export class Subscription<T> {
  readonly received: T[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open<T>(url: string, ...params: unknown[]): Promise<Subscription<T>> {
    const socket = new WebSocket(url.replace(/^http/, 'ws'), { handshakeTimeout: TIMEOUT_MS });
    const subscription = new Subscription<T>(socket);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('The node closed the WebSocket')));
    socket.on('open', () => socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params })));
    socket.on('message', (data) => {
      const message = JSON.parse(data.toString()) as RpcAnswer & { params?: { result: T } };
      if (message.params !== undefined) subscription.received.push(message.params.result);
      else if (message.error === undefined) resolve();
      else reject(new Error(message.error.message));
    });
    await promise;
    return subscription;
  }

  close(): void {
    this.#socket.close();
  }
}
