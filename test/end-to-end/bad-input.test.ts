/**
 * Everything that strangers and mistakes can send to a node: each gets an answer of its own, and the node goes on as if
 * nothing had been. One node takes it all, one after the other, and must still mine at the end.
 */
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Hex, TransactionSerializable } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { type Finished, PATIENCE_MS, until, useProcesses } from '../support/processes.ts';
import { send, signer } from './contracts.ts';
import { CHAIN_ID, dev, startNode, type TestNode, writeQuickGenesis } from './networks.ts';
import { ask, heightOf, post, type RpcAnswer, receiptOf, refusal, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const GWEI = 10n ** 9n;
const MiB = 1024 * 1024;
const directory = temporary();
const datadir = join(directory, 'node');
let genesis: string;
let node: TestNode;

beforeAll(async () => {
  genesis = writeQuickGenesis(directory);
  node = await startNode(processes, datadir, genesis, '--mine');
});

afterAll(async () => {
  // After all of it the node is the same process, still mines, and stops as it should.
  const height = await heightOf(node.url);
  await until('another block', async () => (await heightOf(node.url)) > height);
  expect(await node.process.end('SIGTERM')).toEqual({ code: 0, signal: null });
});

// ---- Transactions ----------------------------------------------------------------------------------------------

const PAYMENT = {
  type: 'eip1559',
  chainId: CHAIN_ID,
  nonce: 0,
  to: dev(9).address as Hex,
  value: 1n,
  gas: 21_000n,
  maxFeePerGas: 20n * GWEI,
  maxPriorityFeePerGas: GWEI,
} as const;

/** A payment of development account 5 with some fields changed, signed. */
function signed(changes: Partial<TransactionSerializable> = {}, account = signer(5)): Promise<Hex> {
  return account.signTransaction({ ...PAYMENT, ...changes } as TransactionSerializable);
}

/** The same bytes with the last one, which belongs to the signature, changed into something else. */
async function forged(): Promise<Hex> {
  const raw = await signed();
  // Items of an RLP list end with s: 0xa0 and 32 bytes, which become more than the order of the curve.
  return `${raw.slice(0, -64)}${'ff'.repeat(32)}` as Hex;
}

describe('a transaction that cannot be', () => {
  const stranger = privateKeyToAccount(generatePrivateKey());
  it.each<{ name: string; raw: () => Hex | Promise<Hex>; reason: string; says: string }>([
    { name: 'empty', raw: () => '0x', reason: 'tx/malformed', says: 'no bytes' },
    { name: 'no RLP', raw: () => '0x02ffffffff', reason: 'tx/malformed', says: 'RLP' },
    { name: 'cut short', raw: async () => (await signed()).slice(0, -2) as Hex, reason: 'tx/malformed', says: 'RLP' },
    { name: 'followed by more', raw: async () => `${await signed()}00`, reason: 'tx/malformed', says: 'RLP' },
    {
      name: 'of an unknown type',
      raw: async () => `0x7e${(await signed()).slice(4)}`,
      reason: 'tx/type-unsupported',
      says: 'not supported',
    },
    { name: 'a blob transaction', raw: async () => `0x03${(await signed()).slice(4)}`, reason: 'tx/type-unsupported', says: 'blob' },
    {
      name: 'too large',
      raw: () => signed({ data: `0x${'00'.repeat(140_000)}`, gas: 10n ** 7n }),
      reason: 'tx/too-large',
      says: 'oversized data',
    },
    { name: 'for another chain', raw: () => signed({ chainId: 1 }), reason: 'tx/wrong-chain', says: 'invalid chain id' },
    { name: 'signed by nobody', raw: forged, reason: 'tx/bad-signature', says: 'invalid sender' },
    { name: 'of an empty account', raw: () => signed({}, stranger), reason: 'mempool/insufficient-funds', says: 'insufficient funds' },
    {
      name: 'of more than there is',
      raw: () => signed({ value: 10n ** 25n }),
      reason: 'mempool/insufficient-funds',
      says: 'insufficient funds',
    },
    {
      name: 'without a tip',
      raw: () => signed({ maxPriorityFeePerGas: 0n }),
      reason: 'mempool/underpriced',
      says: 'transaction underpriced',
    },
    { name: 'with a tip above its fee', raw: () => signedByHand(), reason: 'tx/tip-above-fee', says: 'max priority fee per gas higher' },
    { name: 'with too little gas', raw: () => signed({ gas: 20_999n }), reason: 'tx/intrinsic-gas', says: 'intrinsic gas too low' },
    { name: 'with more gas than there is', raw: () => signed({ gas: 10n ** 8n }), reason: 'tx/gas-above-cap', says: 'gas limit too high' },
  ])('is refused: $name', async ({ raw, reason, says }) => {
    const { pool } = await statusOf(node.url);
    const error = await refusal(node.url, 'eth_sendRawTransaction', await raw());
    expect(error).toMatchObject({ code: -32000, data: { reason } });
    expect(error.message).toContain(says);
    expect((await statusOf(node.url)).pool).toEqual(pool);
  });

  it.each([
    ['no hex', 'transaction'],
    ['half a byte', '0x123'],
    ['a number', 17],
    ['nothing', undefined],
  ])('is refused as a parameter: %s', async (_name, parameter) => {
    const error = await refusal(node.url, 'eth_sendRawTransaction', ...(parameter === undefined ? [] : [parameter]));
    expect(error.code).toBe(-32602);
    expect(error.message).toMatch(/^(invalid argument 0|missing value for required argument 0)/);
  });
});

describe('a transaction that came too early, twice or too late', () => {
  it('waits behind a gap, is known, replaced for a price, and never mined twice', async () => {
    await ask(node.url, 'miner_stop');
    const second = await signed({ nonce: 1 });
    const hash = await ask<Hex>(node.url, 'eth_sendRawTransaction', second);
    expect((await statusOf(node.url)).pool).toEqual({ pending: 0, queued: 1 });
    expect(await refusal(node.url, 'eth_sendRawTransaction', second)).toMatchObject({
      code: -32000,
      message: expect.stringContaining('already known'),
    });
    const cheap = await signed({ nonce: 1, value: 2n, maxPriorityFeePerGas: GWEI + 1n });
    expect(await refusal(node.url, 'eth_sendRawTransaction', cheap)).toMatchObject({
      data: { reason: 'mempool/replacement-underpriced' },
      message: expect.stringContaining('replacement transaction underpriced'),
    });
    const dear = await signed({ nonce: 1, value: 2n, maxPriorityFeePerGas: 2n * GWEI, maxFeePerGas: 40n * GWEI });
    const replacement = await ask<Hex>(node.url, 'eth_sendRawTransaction', dear);
    await ask(node.url, 'miner_start');
    const first = await signed({ nonce: 0 });
    await ask(node.url, 'eth_sendRawTransaction', first);
    await until('the transaction behind the gap is mined', () => receiptOf(node.url, replacement));
    expect(await receiptOf(node.url, hash)).toBeNull();
    for (const late of [first, dear]) {
      expect(await refusal(node.url, 'eth_sendRawTransaction', late)).toMatchObject({
        code: -32000,
        message: expect.stringMatching(/^(nonce too low|already known)/),
      });
    }
  });
});

/** viem refuses to sign this, so its bytes are put together with fees in the wrong order. */
async function signedByHand(): Promise<Hex> {
  const { serializeTransaction, keccak256 } = await import('viem');
  const { sign } = await import('viem/accounts');
  const fields = { ...PAYMENT, maxFeePerGas: 7n, maxPriorityFeePerGas: 7n };
  const swap = (raw: Hex) => raw.replace('0707', '0907') as Hex;
  const privateKey = `0x${Buffer.from(dev(5).privateKey).toString('hex')}` as const;
  const signature = await sign({ hash: keccak256(swap(serializeTransaction(fields))), privateKey });
  return swap(serializeTransaction(fields, signature));
}

// ---- RPC -------------------------------------------------------------------------------------------------------

describe('the RPC port', () => {
  const codeOf = async (body: string) => ((await (await post(node.url, body)).json()) as RpcAnswer).error?.code;
  const call = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}';

  it.each([
    ['no JSON', 'hello', -32700],
    ['half a document', call.slice(0, 40), -32700],
    ['deep arrays', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, -32700],
    ['deep parameters', `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${'['.repeat(1_000)}${']'.repeat(1_000)}}`, -32700],
    ['an empty batch', '[]', -32600],
    ['a number', '42', -32600],
    ['no method', '{"jsonrpc":"2.0","id":1}', -32600],
    ['an unknown method', call.replace('eth_chainId', 'eth_wish'), -32601],
    ['a method that is not for everybody', call.replace('eth_chainId', 'synod_partition'), -32601],
    ['a huge number', call.replace('eth_chainId', 'eth_getBlockByNumber').replace('[]', `["0x${'f'.repeat(1_000)}",false]`), -32602],
  ])('answers %s with its own error', async (_name, body, code) => {
    expect(await codeOf(body)).toBe(code);
  });

  it('refuses a giant body, too many calls at once and a strange host', async () => {
    expect((await post(node.url, `{"x":"${'y'.repeat(6 * MiB)}"}`)).status).toBe(413);
    const refusal = await post(node.url, `[${Array.from({ length: 1_001 }, () => call).join()}]`);
    expect(await refusal.json()).toMatchObject([{ id: 1, error: { code: -32600 } }]);
    const { port } = new URL(node.url);
    const reply = await talk(
      Number(port),
      `POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: ${call.length}\r\n\r\n${call}`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 403 /);
  });

  it('answers what is no HTTP and goes on', async () => {
    const { port } = new URL(node.url);
    expect(await talk(Number(port), 'EHLO synod\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await ask(node.url, 'eth_chainId')).toBe('0x7a69');
  });
});

/** Sends bytes to a port of this machine and answers what came back until the other side closed, or a little came. */
async function talk(port: number, bytes: string | Uint8Array): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  const { promise, resolve } = Promise.withResolvers<void>();
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    resolve();
  });
  socket.on('close', () => resolve());
  socket.on('error', () => resolve());
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  socket.write(bytes);
  await promise;
  socket.destroy();
  return text;
}

// ---- p2p -------------------------------------------------------------------------------------------------------

describe('the p2p port', () => {
  const p2pPort = () => Number(/\/tcp\/(\d+)\//.exec(node.endpoints.addresses[0] ?? '')?.[1]);

  it('takes garbage for what it is, and lets honest peers in', async () => {
    const random = new Random(7);
    const noise = Uint8Array.from({ length: 64 * 1024 }, () => random.below(256));
    const hello = '\x13/multistream/1.0.0\n';
    const attempts = [
      noise,
      'GET / HTTP/1.1\r\n\r\n',
      hello,
      `${hello}\x07/noise\n`,
      new Uint8Array(MiB),
      Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x7f]),
    ];
    const sockets = attempts.map((bytes) => {
      const socket = connect(p2pPort(), '127.0.0.1');
      socket.on('error', () => {});
      socket.write(bytes);
      if (typeof bytes === 'string' && bytes.endsWith('/noise\n')) socket.write(noise);
      return socket;
    });
    const late = await startNode(processes, join(directory, 'late'), genesis, '--bootnodes', node.endpoints.addresses.join(','));
    await until('an honest peer has the head', async () => {
      const [mine, theirs] = await Promise.all([statusOf(late.url), statusOf(node.url)]);
      return mine.head.number > 0 && mine.head.hash === theirs.head.hash;
    });
    for (const socket of sockets) socket.destroy();
    expect((await statusOf(node.url)).peers).toBe(1);
    await late.process.end('SIGTERM');
  });

  it('keeps nodes of another network out', async () => {
    const other = temporary();
    const stranger = await startNode(
      processes,
      other,
      writeQuickGenesis(other, { balance: 1 }),
      '--bootnodes',
      node.endpoints.addresses.join(','),
    );
    await until('both say why they part', () =>
      [stranger, node].every(({ process }) => process.stderr.includes('code=network/wrong-genesis')),
    );
    expect((await statusOf(stranger.url)).peers).toBe(0);
    await stranger.process.end('SIGTERM');
  });
});

// ---- Starting --------------------------------------------------------------------------------------------------

describe('a node that cannot start', () => {
  const tryNode = (...args: string[]): Promise<Finished> => processes.runSynod('node', '--port', '0', '--http.port', '0', ...args);
  const refusedWith = (finished: Finished, code: string, exitCode = 1) => {
    expect(finished.stderr).toContain(`[${code}]`);
    expect(finished.code).toBe(exitCode);
  };

  it('because another one has its datadir open', async () => {
    refusedWith(await tryNode('--datadir', datadir, '--genesis', genesis), 'storage/locked');
  });

  it('because its datadir belongs to another network', async () => {
    const stopped = await startNode(processes, join(directory, 'stopped'), genesis);
    await stopped.process.end('SIGTERM');
    const other = temporary();
    refusedWith(
      await tryNode('--datadir', join(directory, 'stopped'), '--genesis', writeQuickGenesis(other, { balance: 1 })),
      'storage/wrong-genesis',
    );
  });

  it('because its ports are in use', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    const [rpc, p2p] = await Promise.all([
      tryNode('--datadir', temporary(), '--http.port', String(port)),
      tryNode('--datadir', temporary(), '--port', String(port)),
    ]);
    blocker.close();
    refusedWith(rpc, 'rpc/port-in-use');
    refusedWith(p2p, 'network/listen');
    for (const { stderr } of [rpc, p2p]) expect(stderr).toContain(String(port));
  });

  it('because what it was told cannot be', async () => {
    const finished = await Promise.all([
      tryNode('--datadir', temporary(), '--genesis', join(directory, 'absent.json')),
      tryNode('--datadir', temporary(), '--networkid', '99'),
      tryNode('--datadir', temporary(), '--bootnodes', 'example.org:30303'),
      tryNode('--datadir', temporary(), '--http.api', 'eth,wishes'),
    ]);
    const [absent, network, bootnode, namespace] = finished as [Finished, Finished, Finished, Finished];
    refusedWith(absent, 'cli/unreadable-file');
    refusedWith(network, 'arguments/networkid', 2);
    refusedWith(bootnode, 'network/bad-address');
    refusedWith(namespace, 'rpc/namespace');
  });
});

describe('after all of this', () => {
  it('the node takes a payment and mines it', async () => {
    const hash = await send(node.url, 6, { to: PAYMENT.to, value: 1n });
    expect(await until('the payment is mined', () => receiptOf(node.url, hash))).toMatchObject({ status: '0x1' });
  });
});
