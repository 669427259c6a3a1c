/** Starts a server over a fake node on a free port, and talks to it in raw requests. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { Json } from '../../src/base/types.ts';
import type { RpcServerOptions } from '../../src/rpc/server.ts';
import { RpcServer } from '../../src/rpc/server.ts';
import { FakeNode } from './fake-node.ts';

export interface RpcResponse {
  readonly jsonrpc: string;
  readonly id: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Json };
}

export interface Setup {
  readonly node: FakeNode;
  readonly server: RpcServer;
  readonly url: string;
  /** One call over HTTP; its whole answer. */
  call(method: string, ...params: Json[]): Promise<RpcResponse>;
  /** One call over HTTP that must succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  ask(method: string, ...params: Json[]): Promise<any>;
  post(body: string | Uint8Array, headers?: Record<string, string>): Promise<Response>;
  connect(headers?: Record<string, string>): Promise<Socket>;
}

/** Closed when the test ends. */
export async function serve(options: Partial<RpcServerOptions> = {}, node = new FakeNode()): Promise<Setup> {
  const server = await RpcServer.start(node, { port: 0, ...options });
  onTestFinished(() => server.close());
  const url = server.address.url;
  const post = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body as NonNullable<RequestInit['body']>,
    });
  const call = async (method: string, ...params: Json[]): Promise<RpcResponse> => {
    const response = await post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    return (await response.json()) as RpcResponse;
  };
  const ask = async (method: string, ...params: Json[]) => {
    const { result, error } = await call(method, ...params);
    if (error !== undefined) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  };
  return { node, server, url, call, ask, post, connect: (headers) => Socket.open(url.replace('http', 'ws'), headers) };
}

/** A WebSocket whose messages can be awaited in order. */
export class Socket {
  readonly raw: WebSocket;
  readonly closed: Promise<number>;
  readonly #messages: RpcResponse[] = [];
  readonly #waiting: ((message: RpcResponse) => void)[] = [];
  #lastId = 0;

  constructor(raw: WebSocket) {
    this.raw = raw;
    this.closed = new Promise((resolve) => raw.on('close', resolve));
    raw.on('message', (data) => {
      const message = JSON.parse(data.toString()) as RpcResponse;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#messages.push(message);
      else waiting(message);
    });
    raw.on('error', () => {});
  }

  static open(url: string, headers: Record<string, string> = {}): Promise<Socket> {
    const raw = new WebSocket(url, { headers });
    const socket = new Socket(raw);
    onTestFinished(() => raw.terminate());
    return new Promise((resolve, reject) => {
      raw.on('open', () => resolve(socket));
      raw.on('unexpected-response', (_, response) => reject(new Error(String(response.statusCode))));
    });
  }

  /** The next message that has not been read yet. */
  next(): Promise<RpcResponse> {
    const message = this.#messages.shift();
    return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
  }

  /** How many messages came that nobody has read. */
  get unread(): number {
    return this.#messages.length;
  }

  /** Sends a call and reads the next message, which must be its answer. */
  call(method: string, ...params: Json[]): Promise<RpcResponse> {
    this.raw.send(JSON.stringify({ jsonrpc: '2.0', id: ++this.#lastId, method, params }));
    return this.next();
  }

  /** The `params` of the next message, which must be a notification. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  async notification(): Promise<any> {
    const message = (await this.next()) as unknown as { method?: string; params?: unknown };
    if (message.method !== 'eth_subscription') throw new Error(`expected a notification, got ${JSON.stringify(message)}`);
    return message.params;
  }
}
