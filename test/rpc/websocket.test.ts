import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type RpcResponse, type Setup, type Socket, serve } from './client.ts';
import { log, topic, transfer } from './fake-node.ts';

async function subscribe(socket: Socket, ...params: Parameters<Socket['call']> extends [string, ...infer P] ? P : never): Promise<string> {
  const { result, error } = await socket.call('eth_subscribe', ...params);
  expect(error).toBeUndefined();
  return result;
}

/** The status with which an upgrade is refused, or 101. */
function upgradeStatus(setup: Setup, headers: Record<string, string>): Promise<number> {
  return setup.connect(headers).then(
    () => 101,
    (error: unknown) => Number(error instanceof Error ? error.message : 0),
  );
}

describe('JSON-RPC over WebSocket', () => {
  it('answers calls, batches and errors on the port of HTTP', async () => {
    const { connect } = await serve();
    const socket = await connect();
    expect(await socket.call('eth_chainId')).toEqual({ jsonrpc: '2.0', id: 1, result: '0x7a69' });
    expect((await socket.call('eth_nothing')).error?.code).toBe(-32601);
    socket.raw.send('garbage');
    expect((await socket.next()).error?.code).toBe(-32700);
    socket.raw.send('[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"net_version"}]');
    expect(((await socket.next()) as unknown as RpcResponse[]).map(({ result }) => result)).toEqual(['0x7a69', '31337']);
    socket.raw.send(Buffer.from('{"jsonrpc":"2.0","id":9,"method":"eth_chainId"}'));
    expect(await socket.next()).toMatchObject({ id: 9, result: '0x7a69' });
  });

  it('answers no notification', async () => {
    const socket = await (await serve()).connect();
    socket.raw.send('{"jsonrpc":"2.0","method":"eth_chainId"}');
    expect(await socket.call('net_version')).toMatchObject({ result: '31337' });
  });

  it('works off more requests than it takes at once, and loses none', async () => {
    const { connect, node } = await serve({ limits: { maxConcurrentRequests: 2 } });
    const socket = await connect();
    let inWork = 0;
    let most = 0;
    node.result = async () => {
      most = Math.max(most, ++inWork);
      await new Promise((resolve) => setImmediate(resolve));
      inWork--;
      return { returnData: new Uint8Array([1]), gasUsed: 1n, failure: null };
    };
    for (let id = 0; id < 500; id++) socket.raw.send(`{"jsonrpc":"2.0","id":${id},"method":"eth_call","params":[{}]}`);
    const ids = new Set<unknown>();
    for (let answer = 0; answer < 500; answer++) ids.add((await socket.next()).id);
    expect([ids.size, most]).toEqual([500, 2]);
  });

  it('closes a connection that sends a message over the limit', async () => {
    const { connect, ask } = await serve({ limits: { maxMessageBytes: 1_000 } });
    const socket = await connect();
    socket.raw.send('x'.repeat(1_001));
    expect(await socket.closed).toBe(1009);
    expect(await ask('eth_chainId')).toBe('0x7a69');
  });

  it('ends connections whose unfinished messages fill the memory set aside for them', async () => {
    const { connect, ask } = await serve({ limits: { maxIncomingBytes: 1_000 } });
    const socket = await connect();
    socket.raw.send('x'.repeat(900), { fin: false });
    socket.raw.send('x'.repeat(900), { fin: false });
    expect(await socket.closed).toBe(1006);
    expect(await ask('eth_chainId')).toBe('0x7a69');
  });

  it('ends connections of clients that do not answer pings', async () => {
    const { connect } = await serve({ limits: { pingIntervalMs: 30 } });
    const silent = await connect();
    silent.raw.pong = () => {};
    expect(await silent.closed).toBe(1006);
  });

  it('looks at Host, Origin and token before it upgrades', async () => {
    const setup = await serve({ corsOrigins: ['https://app.example'], operatorToken: 'correct horse' });
    const { port } = setup.server.address;
    expect(await upgradeStatus(setup, { host: 'evil.example' })).toBe(403);
    expect(await upgradeStatus(setup, { origin: 'https://evil.example' })).toBe(403);
    expect(await upgradeStatus(setup, { origin: 'null' })).toBe(403);
    expect(await upgradeStatus(setup, { origin: 'https://app.example' })).toBe(101);
    expect(await upgradeStatus(setup, { origin: 'http://localhost:3000' })).toBe(101);
    expect(await upgradeStatus(setup, { origin: `http://127.0.0.1:${port}` })).toBe(101);
    expect(await upgradeStatus(setup, { authorization: 'Bearer wrong' })).toBe(401);
    const operator = await setup.connect({ authorization: 'Bearer correct horse' });
    expect((await operator.call('admin_peers')).result).toHaveLength(1);
    const anyone = await setup.connect();
    expect((await anyone.call('admin_peers')).error?.code).toBe(-32601);
  });

  it('says goodbye when the server stops', async () => {
    const { connect, server } = await serve();
    const socket = await connect();
    await server.close();
    expect(await socket.closed).toBe(1001);
  });
});

describe('eth_subscribe', () => {
  it('does not exist over HTTP', async () => {
    const { call } = await serve();
    expect((await call('eth_subscribe', 'newHeads')).error).toEqual({ code: -32601, message: 'notifications not supported' });
  });

  it('refuses topics that it does not know', async () => {
    const socket = await (await serve()).connect();
    expect((await socket.call('eth_subscribe', 'weather')).error).toEqual({
      code: -32601,
      message: 'no "weather" subscription in eth namespace',
    });
    expect((await socket.call('eth_subscribe', 'logs', { address: 'x' })).error?.code).toBe(-32602);
    expect((await socket.call('eth_subscribe')).error?.code).toBe(-32602);
  });

  it('pushes new heads, in a reorganisation every block of the new branch', async () => {
    const { connect, node } = await serve();
    const socket = await connect();
    const subscription = await subscribe(socket, 'newHeads');
    const { hash } = node.mine();
    const { result, ...rest } = await socket.notification();
    expect(rest).toEqual({ subscription });
    expect(result).toMatchObject({ hash, number: '0x1', parentHash: node.chain.genesis.hash });
    expect(result).not.toHaveProperty('transactions');
    node.replace(1, [[], []]);
    expect([(await socket.notification()).result.hash, (await socket.notification()).result.hash]).toEqual([
      node.chain.at(1).hash,
      node.chain.at(2).hash,
    ]);
  });

  it('pushes logs, and in a reorganisation first the old ones as removed, then the new ones', async () => {
    const { connect, node } = await serve();
    const socket = await connect();
    await subscribe(socket, 'logs', { topics: [topic(1)] });
    const bytes = await transfer(0);
    node.mine({ bytes, logs: [log(1), log(2)] });
    const first = (await socket.notification()).result;
    expect(first).toMatchObject({ topics: [topic(1)], removed: false, blockNumber: '0x1' });
    node.mine({ bytes: await transfer(1), logs: [log(1)] });
    const second = (await socket.notification()).result;
    node.replace(2, [[], [{ bytes, logs: [log(1)] }], []]);
    expect((await socket.notification()).result).toEqual({ ...second, removed: true });
    expect((await socket.notification()).result).toEqual({ ...first, removed: true });
    const third = (await socket.notification()).result;
    expect(third).toMatchObject({
      removed: false,
      blockNumber: '0x2',
      blockHash: node.chain.at(2).hash,
      transactionHash: first.transactionHash,
    });
  });

  it('pushes receipts of the transactions that are watched', async () => {
    const { node, connect } = await serve();
    const socket = await connect();
    const [watched, other] = [await transfer(0), await transfer(1)];
    const { hash } = node.chain.decode(watched);
    const subscription = await subscribe(socket, 'transactionReceipts', { transactionHashes: [hash] });
    node.mine({ bytes: other });
    node.mine({ bytes: watched, logs: [log(1)] });
    expect(await socket.next()).toMatchObject({
      params: { subscription, result: [{ transactionHash: hash, blockNumber: '0x2', status: '0x1', logs: [{ logIndex: '0x0' }] }] },
    });
    const wrong = await socket.call('eth_subscribe', 'transactionReceipts', { transactionHashes: ['0x1'] });
    expect(wrong.error?.message).toContain('options.transactionHashes[0]');
  });

  it('pushes transactions that enter the pool, as hashes or whole', async () => {
    const { connect, node } = await serve();
    const socket = await connect();
    await subscribe(socket, 'newPendingTransactions');
    await subscribe(socket, 'newPendingTransactions', true);
    const { hash } = node.pend(await transfer(0));
    expect((await socket.notification()).result).toBe(hash);
    expect((await socket.notification()).result).toMatchObject({ hash, blockHash: null });
  });

  it('sends nothing before the client knows the id', async () => {
    const { connect, node } = await serve();
    const socket = await connect();
    const status = node.status.bind(node);
    // The last call of the batch mines: the subscription stands, and its id is not sent yet.
    node.status = () => {
      node.mine();
      return status();
    };
    socket.raw.send(
      '[{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]},{"jsonrpc":"2.0","id":2,"method":"synod_status"}]',
    );
    const [reply] = (await socket.next()) as unknown as RpcResponse[];
    expect((await socket.notification()).subscription).toBe(reply?.result);
  });

  it('ends with eth_unsubscribe, and only by the connection that began it', async () => {
    const { connect, node } = await serve();
    const socket = await connect();
    const other = await connect();
    const id = await subscribe(socket, 'newHeads');
    expect((await other.call('eth_unsubscribe', id)).error).toEqual({ code: -32000, message: 'subscription not found' });
    expect((await socket.call('eth_unsubscribe', id)).result).toBe(true);
    expect((await socket.call('eth_unsubscribe', id)).error?.code).toBe(-32000);
    node.mine();
    expect((await socket.call('eth_chainId')).result).toBe('0x7a69');
    expect(socket.unread).toBe(0);
  });

  it('is bounded for a connection and for all, and ends with the connection', async () => {
    const { connect } = await serve({ limits: { maxSubscriptionsPerConnection: 2, maxSubscriptions: 3 } });
    const first = await connect();
    const second = await connect();
    await subscribe(first, 'newHeads');
    await subscribe(first, 'logs');
    expect((await first.call('eth_subscribe', 'newHeads')).error?.code).toBe(-32005);
    await subscribe(second, 'newHeads');
    expect((await second.call('eth_subscribe', 'newHeads')).error?.code).toBe(-32005);
    first.raw.close();
    await first.closed;
    await expect.poll(async () => (await second.call('eth_subscribe', 'newHeads')).error?.code).toBeUndefined();
  });

  it('disconnects a client that does not read', async () => {
    const { connect, node } = await serve({ limits: { maxBufferedBytes: 100_000 } });
    const slow = await connect();
    const quick = await connect();
    await subscribe(slow, 'newPendingTransactions', true);
    await subscribe(quick, 'newPendingTransactions');
    slow.raw.pause();
    const bytes = await transfer(0);
    const tx = { ...node.chain.decode(bytes), data: new Uint8Array(100_000) };
    node.chain.decode = () => tx;
    for (let count = 0; count < 100; count++) {
      node.pend(bytes);
      expect((await quick.notification()).result).toBe(tx.hash);
    }
    slow.raw.resume();
    expect(await slow.closed).toBe(1006);
    expect(slow.unread).toBeLessThan(100);
    expect(quick.raw.readyState).toBe(WebSocket.OPEN);
  });
});
