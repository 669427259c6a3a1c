/**
 * The client that `mined.ts` loads a node with: `load-client.ts <url> <file>` takes signed transactions from the file,
 * one in hex on each line, and sends them in order when it is told to: by eth_sendRawTransaction over kept connections,
 * so many requests in flight, one or several transactions in each, until it is told to stop or has sent so many. A full
 * pool is no failure: it waits and sends again.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export interface Order {
  readonly type: 'send';
  readonly maxTransactions: number;
  readonly inFlight: number;
  readonly perRequest: number;
}

export interface Stop {
  readonly type: 'stop';
}

export interface Sent {
  readonly type: 'sent';
  readonly transactions: number;
}

interface Answer {
  readonly id: number;
  readonly error?: { readonly message: string };
}

const RETRY_MS = 50;
const POOL_FULL = /pool is full|too many transactions/;

const [url = '', file = ''] = process.argv.slice(2);
const transactions = readFileSync(file, 'latin1').split('\n');
let next = 0;
let end = 0;

process.on('message', (order: Order | Stop) => {
  if (order.type === 'send') void send(order);
  else if (order.type === 'stop') end = next;
});
process.channel?.ref();
process.send?.({ type: 'loaded' });

async function send({ maxTransactions, inFlight, perRequest }: Order): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const first = next;
  end = Math.min(transactions.length, first + maxTransactions);
  const worker = async (): Promise<void> => {
    while (next < end) {
      const from = next;
      next = Math.min(end, next + perRequest);
      await deliver(agent, from, next);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  const sent: Sent = { type: 'sent', transactions: next - first };
  process.send?.(sent);
}

/** Until all from one index to before the other are taken. */
async function deliver(agent: Agent, from: number, to: number): Promise<void> {
  let left = Array.from({ length: to - from }, (_, place) => from + place);
  for (;;) {
    const refused = (await post(agent, left)).filter(({ error }) => error !== undefined);
    const lost = refused.find(({ error }) => !POOL_FULL.test(error?.message ?? ''));
    if (lost !== undefined) throw new Error(`Transaction ${lost.id} was refused: ${lost.error?.message}`);
    if (refused.length === 0) return;
    left = refused.map(({ id }) => id);
    await delay(RETRY_MS);
  }
}

function post(agent: Agent, indices: readonly number[]): Promise<Answer[]> {
  const calls = indices.map((id) => `{"jsonrpc":"2.0","id":${id},"method":"eth_sendRawTransaction","params":["${transactions[id]}"]}`);
  const body = calls.length === 1 ? (calls[0] ?? '') : `[${calls.join(',')}]`;
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const answer = JSON.parse(Buffer.concat(chunks).toString()) as Answer | Answer[];
        resolve(Array.isArray(answer) ? answer : [answer]);
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
