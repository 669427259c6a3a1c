/**
 * JSON-RPC over WebSocket: requests in, replies and notifications out. A client that asks for more at once than allowed
 * is simply not read for a while; one that does not read what it asked for is disconnected.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { RpcLogger } from './backend.ts';
import type { Dispatcher, Session } from './dispatch.ts';
import { clientOf, type Gatekeeper } from './gatekeeper.ts';
import { FOREIGN_HOST, FOREIGN_ORIGIN, WRONG_TOKEN } from './http.ts';
import type { ByteBudget, RpcLimits } from './limits.ts';
import type { SubscriptionHub } from './subscriptions.ts';

/** Close codes of RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;

export interface WebSocketOptions {
  readonly gatekeeper: Gatekeeper;
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly limits: RpcLimits;
  /** Shared with HTTP. */
  readonly incoming: ByteBudget;
  readonly logger: RpcLogger;
}

export class WebSocketHandler {
  readonly #options: WebSocketOptions;
  readonly #server: WebSocketServer;
  readonly #connections = new Set<Connection>();
  readonly #pings: NodeJS.Timeout;

  constructor(options: WebSocketOptions) {
    this.#options = options;
    const { limits } = options;
    // No compression: it would let a small message inflate, and cost memory for each connection.
    this.#server = new WebSocketServer({ noServer: true, maxPayload: limits.maxMessageBytes, perMessageDeflate: false });
    this.#pings = setInterval(() => this.#pingAll(), limits.pingIntervalMs);
    this.#pings.unref();
  }

  /** Takes a connection over from the HTTP server, or refuses it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { gatekeeper } = this.#options;
    const role = gatekeeper.role(request);
    if (!gatekeeper.allowsHost(request)) return refuseUpgrade(socket, FOREIGN_HOST.status, FOREIGN_HOST.sentence);
    if (!gatekeeper.allowsWebSocket(request)) return refuseUpgrade(socket, FOREIGN_ORIGIN.status, FOREIGN_ORIGIN.sentence);
    if (role === 'wrong') return refuseUpgrade(socket, WRONG_TOKEN.status, WRONG_TOKEN.sentence);
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new Connection(webSocket, request.socket, role === 'operator', this.#options);
      this.#connections.add(connection);
      webSocket.on('close', () => this.#connections.delete(connection));
    });
  }

  /** Says goodbye to everybody. */
  close(): void {
    clearInterval(this.#pings);
    for (const connection of this.#connections) connection.close();
    this.#server.close();
  }

  /** Ends what is still open. */
  terminate(): void {
    for (const connection of this.#connections) connection.terminate();
  }

  #pingAll(): void {
    for (const connection of this.#connections) connection.ping();
  }
}

class Connection {
  readonly #webSocket: WebSocket;
  readonly #options: WebSocketOptions;
  readonly #session: Session;
  #inWork = 0;
  /** What came in one piece with the last request that fitted; never more than the socket reads at once. */
  readonly #waiting: Buffer[] = [];
  #isAlive = true;
  /** Bytes that arrived since the last whole message; the library holds them until it is whole. */
  #unfinishedBytes = 0;

  constructor(webSocket: WebSocket, socket: Socket, operator: boolean, options: WebSocketOptions) {
    this.#webSocket = webSocket;
    this.#options = options;
    const subscriptions = options.hub.connect((message) => this.#send(message));
    this.#session = { client: clientOf(socket), operator, subscriptions };
    // geth takes binary messages as well as text, and so do we.
    webSocket.on('message', (data) => this.#receive(data as Buffer));
    webSocket.on('pong', () => {
      this.#isAlive = true;
    });
    // A protocol error or a message over the limit: the library closes the connection with the right code.
    webSocket.on('error', () => {});
    webSocket.on('close', () => {
      subscriptions.clear();
      this.#forgetUnfinished();
    });
    // Before the library's own listener, which may find the end of a message in it.
    socket.prependListener('data', (chunk: Buffer) => this.#count(chunk.length));
  }

  ping(): void {
    // One that is not read because of its own requests cannot be heard answering.
    if (!this.#isAlive && this.#inWork === 0) return this.terminate();
    this.#isAlive = false;
    this.#webSocket.ping();
  }

  close(): void {
    this.#webSocket.close(GOING_AWAY, 'the node stops');
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  #count(bytes: number): void {
    this.#isAlive = true;
    if (!this.#options.incoming.take(bytes)) return this.terminate();
    this.#unfinishedBytes += bytes;
  }

  #forgetUnfinished(): void {
    this.#options.incoming.give(this.#unfinishedBytes);
    this.#unfinishedBytes = 0;
  }

  #receive(request: Buffer): void {
    this.#forgetUnfinished();
    if (this.#inWork < this.#options.limits.maxConcurrentRequests) return void this.#answer(request);
    this.#waiting.push(request);
    this.#webSocket.pause();
  }

  async #answer(request: Buffer): Promise<void> {
    this.#inWork++;
    const reply = await this.#options.dispatcher.handle(request, this.#session);
    this.#inWork--;
    if (reply.text !== undefined) this.#send(reply.text);
    reply.sent();
    const next = this.#waiting.shift();
    if (next === undefined) this.#webSocket.resume();
    else void this.#answer(next);
  }

  #send(message: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.send(message);
    if (this.#webSocket.bufferedAmount <= this.#options.limits.maxBufferedBytes) return;
    this.#options.logger.warn('Disconnected a WebSocket client that reads too slowly', { bufferedBytes: this.#webSocket.bufferedAmount });
    this.terminate();
  }
}

function refuseUpgrade(socket: Duplex, status: number, sentence: string): void {
  const body = `${sentence}\n`;
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'connection: close',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.on('error', () => {});
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
