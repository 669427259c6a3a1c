/**
 * The client that `rpc.ts` asks nodes with: `rpc-client.ts <file>` takes the parameters of one method's requests from the
 * file, as JSON, one request on each line, and sends them in turn to the node it is told, so many in flight, each over a
 * connection of its own that is kept. HTTP is written and read here by hand: Node's own client costs more than some of the
 * answers that are measured, and would be what is measured.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { percentile } from './row.ts';

export interface Order {
  readonly type: 'ask';
  readonly url: string;
  readonly method: string;
  readonly inFlight: number;
  /** Nothing new is asked after it, and what is in flight then still counts. */
  readonly windowMs: number;
  /** Goes on in the file where the order before it ended, as transactions must, instead of at its first line. */
  readonly goOn: boolean;
}

export interface Asked {
  readonly type: 'asked';
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p99Ms: number;
}

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

const [file = ''] = process.argv.slice(2);
const lines = readFileSync(file, 'latin1').split('\n');
let next = 0;

process.on('message', (order: Order) => void run(order));
process.channel?.ref();
process.send?.({ type: 'loaded' });

async function run({ url, method, inFlight, windowMs, goOn }: Order): Promise<void> {
  if (!goOn) next = 0;
  const { hostname, port } = new URL(url);
  const connections = await Promise.all(Array.from({ length: inFlight }, () => Connection.open(hostname, Number(port))));
  const latenciesMs: number[] = [];
  const startedMs = performance.now();
  const ask = async (connection: Connection): Promise<void> => {
    while (performance.now() - startedMs < windowMs) {
      const at = next++;
      if (goOn && at >= lines.length) throw new RangeError(`all ${lines.length} requests were sent before the time was over`);
      const sentMs = performance.now();
      await connection.post(`{"jsonrpc":"2.0","id":${at},"method":"${method}","params":${lines[at % lines.length]}}`);
      latenciesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(connections.map(ask));
  const perSecond = (latenciesMs.length * 1000) / (performance.now() - startedMs);
  for (const connection of connections) connection.close();
  const ascending = latenciesMs.sort((a, b) => a - b);
  const asked: Asked = { type: 'asked', perSecond, medianMs: percentile(ascending, 0.5), p99Ms: percentile(ascending, 0.99) };
  process.send?.(asked);
}

/** One request at a time. */
class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #chunks: Buffer[] = [];
  #settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | null = null;

  private constructor(socket: Socket, host: string) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the node closed the connection')));
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new Connection(socket, `${host}:${port}`);
  }

  /** Resolves when the whole reply is here. Rejects when it is not a result. */
  post(body: string): Promise<void> {
    const head = `POST / HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(`${head}${HEAD_END}${body}`, 'latin1');
    });
  }

  close(): void {
    this.#settle = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    const reply = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    this.#chunks = [reply];
    if (!isWhole(reply)) return;
    this.#chunks = [];
    const settle = this.#settle;
    this.#settle = null;
    if (reply.includes('"result":') && !reply.includes('"error":')) settle?.resolve();
    else settle?.reject(new Error(`No result: ${reply.toString('latin1', 0, 1_000)}`));
  }
}

function isWhole(reply: Buffer): boolean {
  const headEnd = reply.indexOf(HEAD_END);
  if (headEnd < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(reply.toString('latin1', 0, headEnd))?.[1];
  // Without a length it comes in chunks, of which the last is empty.
  if (length === undefined) return reply.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
  return reply.length >= headEnd + HEAD_END.length + Number(length);
}
