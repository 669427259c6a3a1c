/**
 * The client that `mined.ts` loads a node with: `load-client.ts <url> <file>` takes signed transactions from the file
 * and, each time it is told to, sends the next `count` of them by eth_sendRawTransaction over kept connections, so many
 * requests in flight, one or several transactions in each. A full pool is no failure: it waits and sends again.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { RLP } from '@ethereumjs/rlp';
import { toHex } from '../../src/base/bytes.ts';

export interface Order {
  readonly type: 'send';
  readonly count: number;
  readonly inFlight: number;
  readonly perRequest: number;
}

export interface Sent {
  readonly type: 'sent';
  readonly ms: number;
  /** How often a transaction had to wait for room in the pool. */
  readonly delayed: number;
}

interface Answer {
  readonly id: number;
  readonly error?: { readonly message: string };
}

const RETRY_MS = 50;
const POOL_FULL = /pool is full|too many transactions/;

const [url = '', file = ''] = process.argv.slice(2);
const transactions = (RLP.decode(readFileSync(file)) as Uint8Array[]).map(toHex);
let next = 0;

process.on('message', (order: Order) => {
  if (order.type === 'send') void send(order);
});
process.channel?.ref();
process.send?.({ type: 'loaded' });

async function send({ count, inFlight, perRequest }: Order): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const end = next + count;
  const startedMs = performance.now();
  let delayed = 0;
  const worker = async (): Promise<void> => {
    while (next < end) {
      const from = next;
      next = Math.min(end, next + perRequest);
      delayed += await deliver(agent, from, next);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  agent.destroy();
  const sent: Sent = { type: 'sent', ms: performance.now() - startedMs, delayed };
  process.send?.(sent);
}

/** Until all from one index to before the other are taken; answers how many had to be sent again. */
async function deliver(agent: Agent, from: number, to: number): Promise<number> {
  let left = Array.from({ length: to - from }, (_, place) => from + place);
  let delayed = 0;
  for (;;) {
    const answers = await post(agent, left);
    const refused = answers.filter(({ error }) => error !== undefined);
    const lost = refused.find(({ error }) => !POOL_FULL.test(error?.message ?? ''));
    if (lost !== undefined) throw new Error(`Transaction ${lost.id} was refused: ${lost.error?.message}`);
    if (refused.length === 0) return delayed;
    left = refused.map(({ id }) => id);
    delayed += left.length;
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
