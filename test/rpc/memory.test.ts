/** Subscriptions by the thousand, ended in every way there is, leave the memory of the server where it was. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Told } from './memory-side.ts';

const CONNECTIONS = 10;
const PER_CONNECTION = 1_000;
/** A subscription takes about a kilobyte, so a hundredth of a round that stayed would not be seen, a tenth would. */
const MAX_GROWTH_BYTES = 1_000_000;
const KINDS = [['newHeads'], ['logs', { topics: [`0x${'01'.repeat(32)}`] }], ['newPendingTransactions', true]];

let server: ChildProcess;
let url = '';

async function told(): Promise<Told> {
  const [message] = (await once(server, 'message')) as [Told];
  return message;
}

async function heapBytes(): Promise<number> {
  server.send('heap');
  return (await told()).heapBytes ?? 0;
}

interface Client {
  readonly socket: WebSocket;
  readonly ids: readonly string[];
}

/** Resolves when every subscription has its id. Rejects when one is refused. */
async function subscribe(): Promise<Client> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  const ids: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Client>();
  socket.on('message', (data) => {
    const { id, result, error } = JSON.parse(data.toString()) as { id?: number; result?: string; error?: { message: string } };
    if (id === undefined) return;
    if (result === undefined) return reject(new Error(error?.message));
    if (ids.push(result) === PER_CONNECTION) resolve({ socket, ids });
  });
  for (let id = 0; id < PER_CONNECTION; id++) {
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_subscribe', params: KINDS[id % KINDS.length] }));
  }
  return promise;
}

/** A third takes its leave word by word, a third closes, a third is torn off. */
async function end({ socket, ids }: Client, index: number): Promise<void> {
  const closed = once(socket, 'close');
  socket.removeAllListeners('message');
  if (index % 3 === 0) {
    const batch = ids.map((id) => ({ jsonrpc: '2.0', id: 1, method: 'eth_unsubscribe', params: [id] }));
    socket.send(JSON.stringify(batch));
    const replies = await new Promise<{ result?: boolean }[]>((resolve) => {
      socket.on('message', (data) => {
        const message = JSON.parse(data.toString());
        if (Array.isArray(message)) resolve(message);
      });
    });
    expect(replies.filter(({ result }) => result === true)).toHaveLength(PER_CONNECTION);
  }
  if (index % 3 === 2) socket.terminate();
  else socket.close();
  await closed;
}

async function round(): Promise<void> {
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, subscribe));
  server.send('mine');
  await Promise.all(clients.map(end));
}

beforeAll(async () => {
  const file = fileURLToPath(new URL('./memory-side.ts', import.meta.url));
  server = fork(file, [String(CONNECTIONS * PER_CONNECTION), String(2 * CONNECTIONS)], { execArgv: ['--expose-gc'] });
  url = ((await told()).url ?? '').replace('http', 'ws');
});

afterAll(() => void server.kill('SIGKILL'));

describe('10,000 subscriptions', () => {
  it('that were opened and ended leave nothing behind', async () => {
    // The first two rounds fill what is kept for good: compiled code, pools of buffers.
    for (let warmUp = 0; warmUp < 2; warmUp++) await round();
    const before = await heapBytes();
    await round();
    const after = await heapBytes();
    console.log(`heap of the server: ${Math.round(before / 1000)} kB, after 10,000 subscriptions more ${Math.round(after / 1000)} kB`);
    expect(after - before).toBeLessThan(MAX_GROWTH_BYTES);
  });
});
