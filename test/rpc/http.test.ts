import { type RequestOptions, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RpcLogger } from '../../src/rpc/backend.ts';
import { RpcServer } from '../../src/rpc/server.ts';
import { type RpcResponse, type Setup, serve } from './client.ts';
import { FakeNode, log, transfer } from './fake-node.ts';

const CHAIN_ID = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}';

/** With node:http, since fetch sets some headers itself. */
function raw(options: RequestOptions, body = CHAIN_ID): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { method: 'POST', ...options, headers: { 'content-type': 'application/json', ...options.headers } },
      (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** What comes back on a bare connection, until it is closed. */
function speak(setup: Setup, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(setup.server.address.port, '127.0.0.1', () => socket.write(text));
    let heard = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      heard += chunk;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
  });
}

describe('JSON-RPC errors over HTTP', () => {
  it.each([
    ['garbage', 'garbage', -32700, null],
    ['nothing', '', -32700, null],
    ['an open brace', '{"jsonrpc":"2.0"', -32700, null],
    ['deep JSON', `{"jsonrpc":"2.0","id":1,"method":"eth_call","params":${'['.repeat(100)}${']'.repeat(100)}}`, -32700, null],
    ['an empty batch', '[]', -32600, null],
    ['parameters by name for a method that is none', '{"jsonrpc":"2.0","id":7,"method":"eth_none","params":{"a":1}}', -32601, 7],
    ['a number', '5', -32600, null],
    ['no version', '{"id":7,"method":"eth_chainId"}', -32600, 7],
    ['another version', '{"jsonrpc":"1.0","id":7,"method":"eth_chainId"}', -32600, 7],
    ['no method', '{"jsonrpc":"2.0","id":7}', -32600, 7],
    ['a method that is no string', '{"jsonrpc":"2.0","id":7,"method":{}}', -32600, 7],
    ['an id that is a list', '{"jsonrpc":"2.0","id":[],"method":"eth_chainId"}', -32600, null],
    ['an unknown method', '{"jsonrpc":"2.0","id":"a","method":"eth_nothing"}', -32601, 'a'],
    ['a method of Object', '{"jsonrpc":"2.0","id":1,"method":"constructor"}', -32601, 1],
    ['parameters by name', '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602, 1],
    ['too many parameters', '{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}', -32602, 1],
    ['a missing parameter', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":[]}', -32602, 1],
    ['a wrong parameter', '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x1"]}', -32602, 1],
    ['a refused request', '{"jsonrpc":"2.0","id":1,"method":"eth_getFilterChanges","params":["0x1"]}', -32000, 1],
  ])('%s is answered with its code and HTTP 200', async (_, body, code, id) => {
    const { post } = await serve();
    const response = await post(body);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ jsonrpc: '2.0', id, error: { code, message: expect.any(String) } });
  });

  it.each(['18446744073709551615', '9007199254740993', '-12345678901234567890123', '1.5', '1e400'])(
    'and results repeat the id %s as it was written',
    async (id) => {
      const { post } = await serve();
      const of = (method: string) => `{"jsonrpc":"2.0","id":${id},"method":"${method}"}`;
      expect(await (await post(of('eth_chainId'))).text()).toBe(`{"jsonrpc":"2.0","id":${id},"result":"0x7a69"}`);
      expect(await (await post(`[${of('eth_none')},${of('eth_chainId')},${CHAIN_ID}]`)).text()).toMatch(
        new RegExp(`^\\[{"jsonrpc":"2.0","id":${id},"error":.*"id":${id},"result":"0x7a69"},{.*"id":1,"result":"0x7a69"}]$`),
      );
    },
  );

  it('name a wrong parameter and what was expected', async () => {
    const { call } = await serve();
    expect((await call('eth_getBalance', '0x1')).error?.message).toBe(
      'invalid argument 0: address: expected an address (0x and 40 hex digits), got "0x1"',
    );
    expect((await call('eth_getBalance')).error?.message).toBe(
      'missing value for required argument 0: address: expected an address (0x and 40 hex digits)',
    );
  });

  it('tell nothing of our own failures, which are logged', async () => {
    const logged: unknown[] = [];
    const logger: RpcLogger = { info: () => {}, warn: () => {}, error: (message, fields) => void logged.push([message, fields]) };
    const { call, node } = await serve({ logger });
    node.result = () => Promise.reject(new TypeError('secret of /home/somebody'));
    const { error } = await call('eth_call', {});
    expect(error).toEqual({ code: -32603, message: 'internal error: the node failed to answer; its log says why' });
    expect(logged).toEqual([['RPC method failed', { method: 'eth_call', error: 'secret of /home/somebody' }]]);
  });
});

describe('batches', () => {
  it.each([
    ['the id of its first request', CHAIN_ID, 1],
    ['no id where the first request has none', '{"a":[1,2]}', null],
    ['no id where the first request is nothing', '', null],
  ])('over the limit are refused in a list, as by geth, with %s', async (_, item, id) => {
    const { post } = await serve();
    const response = await post(`[${Array.from({ length: 1_001 }, () => item).join(',')}]`);
    expect([response.status, await response.json()]).toEqual([
      200,
      [{ jsonrpc: '2.0', id, error: { code: -32600, message: 'batch too large: at most 1000 requests are allowed' } }],
    ]);
  });

  it('are answered in order, without the notifications, whatever fails in them', async () => {
    const { post } = await serve();
    const batch = [
      { jsonrpc: '2.0', id: 1, method: 'eth_chainId' },
      { jsonrpc: '2.0', method: 'eth_chainId' },
      { jsonrpc: '2.0', id: 2, method: 'eth_nothing' },
      5,
      { jsonrpc: '2.0', id: null, method: 'net_version', params: null },
    ];
    const replies = (await (await post(JSON.stringify(batch))).json()) as RpcResponse[];
    expect(replies.map(({ id, result, error }) => [id, result ?? error?.code])).toEqual([
      [1, '0x7a69'],
      [2, -32601],
      [null, -32600],
      [null, '31337'],
    ]);
  });

  it('of as many items as allowed are answered', async () => {
    const { post } = await serve();
    const reply = (await (await post(`[${Array.from({ length: 1_000 }, () => CHAIN_ID).join(',')}]`)).json()) as RpcResponse[];
    expect(reply).toHaveLength(1_000);
  });

  it('of notifications alone are answered with nothing', async () => {
    const { post } = await serve();
    const response = await post('[{"jsonrpc":"2.0","method":"eth_chainId"}]');
    expect([response.status, await response.text()]).toEqual([204, '']);
  });

  it('stop at the size of a reply, and say so for each call that did not fit', async () => {
    const { post } = await serve({ limits: { maxReplyBytes: 2_000 } });
    const block = '{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",false]}';
    const replies = (await (await post(`[${block},${block},${CHAIN_ID}]`)).json()) as RpcResponse[];
    expect(replies.map(({ result, error }) => error?.code ?? typeof result)).toEqual(['object', -32003, 'string']);
  });

  it('end at the time limit, and no call begins after it', async () => {
    const { post, node } = await serve({ limits: { requestTimeoutMs: 50 } });
    node.result = () => new Promise(() => {});
    const call = '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{}]}';
    const replies = (await (await post(`[${CHAIN_ID},${call},${call}]`)).json()) as RpcResponse[];
    expect(replies.map(({ result, error }) => error?.code ?? result)).toEqual(['0x7a69', -32002, -32002]);
    expect(node.calls).toHaveLength(1);
  });
});

describe('what is no request', () => {
  it.each([
    ['PUT', { method: 'PUT' }, 405],
    ['GET with a body', { method: 'GET', headers: { 'content-length': CHAIN_ID.length } }, 405],
    ['another path', { path: '/admin' }, 404],
    ['a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415],
    ['text, which a page may send unasked', { headers: { 'content-type': 'text/plain' } }, 415],
    ['a path that is none', { path: '//' }, 404],
  ])('%s is refused', async (_, options, status) => {
    const { server } = await serve();
    expect((await raw({ port: server.address.port, ...options })).status).toBe(status);
  });

  it('an empty GET is answered, for those who only look whether somebody is there', async () => {
    const { url } = await serve();
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('garbage on the port is refused and the connection closed', async () => {
    const setup = await serve();
    expect(await speak(setup, 'EHLO\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await speak(setup, `GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('bytes that are not UTF-8 are refused', async () => {
    const { post } = await serve();
    expect(await (await post(new Uint8Array([0x22, 0xff, 0x22]))).json()).toMatchObject({ error: { code: -32700 } });
  });

  it('content types with parameters, and those of geth, are taken', async () => {
    const { post } = await serve();
    expect((await post(CHAIN_ID, { 'content-type': 'application/json; charset=utf-8' })).status).toBe(200);
    expect((await post(CHAIN_ID, { 'content-type': 'application/json-rpc' })).status).toBe(200);
  });

  it('curl, which offers HTTP/2 and waits before it sends much, is answered', async () => {
    const { server } = await serve();
    const headers = { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings', 'http2-settings': '', expect: '100-continue' };
    expect((await raw({ port: server.address.port, headers })).status).toBe(200);
  });
});

describe('size and time', () => {
  it('refuses a body over the limit whose length is announced', async () => {
    const { server } = await serve({ limits: { maxBodyBytes: 1_000 } });
    expect((await raw({ port: server.address.port, headers: { 'content-length': 2_000 } }, 'x'.repeat(2_000))).status).toBe(413);
  });

  it('refuses a body over the limit whose length is not announced, and goes on with the connection', async () => {
    const { server } = await serve({ limits: { maxBodyBytes: 1_000 } });
    const { status, text } = await raw({ port: server.address.port, headers: { 'transfer-encoding': 'chunked' } }, 'x'.repeat(3_000));
    expect([status, text]).toEqual([413, 'content length too large: at most 1000 bytes are allowed\n']);
  });

  it('takes a body of exactly the limit', async () => {
    const { post } = await serve({ limits: { maxBodyBytes: 1_000 } });
    expect((await post(CHAIN_ID.padEnd(1_000))).status).toBe(200);
    expect((await post(CHAIN_ID.padEnd(1_001))).status).toBe(413);
  });

  it('refuses more unfinished requests than there is memory for, and recovers', async () => {
    const setup = await serve({ limits: { maxIncomingBytes: 100, maxBodyBytes: 1_000 } });
    expect((await setup.post(CHAIN_ID.padEnd(200))).status).toBe(503);
    expect((await setup.post(CHAIN_ID)).status).toBe(200);
  });

  it('closes connections that do not finish their headers or their body (slow loris)', async () => {
    const setup = await serve({ limits: { headersTimeoutMs: 100, receiveTimeoutMs: 200 } });
    expect(await speak(setup, 'POST / HTTP/1.1\r\nhost: localhost\r\n')).toMatch(/^HTTP\/1\.1 408 |^$/);
    const half = 'POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{';
    expect(await speak(setup, half)).toMatch(/^HTTP\/1\.1 408 |^$/);
    expect(await setup.ask('eth_chainId')).toBe('0x7a69');
  });

  it('bounds the requests that one connection may have in work', async () => {
    const setup = await serve({ limits: { maxConcurrentRequests: 2, requestTimeoutMs: 200 } });
    setup.node.result = () => new Promise(() => {});
    const body = '{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{}]}';
    const head = `POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n`;
    const last = `${head}connection: close\r\n\r\n${body}`;
    const heard = await speak(setup, `${head}\r\n${body}${head}\r\n${body}${last}`);
    expect(heard.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 429']);
  });

  it('bounds the connections', async () => {
    const setup = await serve({ limits: { maxConnections: 1 } });
    const first = await setup.connect();
    expect(await speak(setup, '').catch(() => '')).toBe('');
    expect((await first.call('eth_chainId')).result).toBe('0x7a69');
  });
});

describe('hosts and origins', () => {
  it.each(['localhost', 'localhost:8545', 'LOCALHOST', '127.0.0.1:1', '[::1]:8545'])('serves %s', async (host) => {
    const { server } = await serve();
    expect((await raw({ port: server.address.port, headers: { host } })).status).toBe(200);
  });

  it.each(['evil.example', 'localhost.evil.example', 'evil.example:8545', 'a@localhost', '192.168.0.1'])('refuses %s', async (host) => {
    const { server } = await serve();
    const { status, text } = await raw({ port: server.address.port, headers: { host } });
    expect(status).toBe(403);
    expect(text).toContain('invalid host specified');
  });

  it('serves the names that are listed, any with *, and always the address itself', async () => {
    const listed = await serve({ virtualHosts: ['node.example'] });
    expect((await raw({ port: listed.server.address.port, headers: { host: 'node.example' } })).status).toBe(200);
    expect((await raw({ port: listed.server.address.port, headers: { host: '127.0.0.1' } })).status).toBe(200);
    expect((await raw({ port: listed.server.address.port, headers: { host: 'localhost' } })).status).toBe(403);
    const any = await serve({ virtualHosts: ['*'] });
    expect((await raw({ port: any.server.address.port, headers: { host: 'evil.example' } })).status).toBe(200);
  });

  it('lets no page of another origin read anything by default', async () => {
    const { post, url } = await serve();
    const preflight = await fetch(url, { method: 'OPTIONS', headers: { origin: 'https://app.example' } });
    expect(preflight.status).toBe(403);
    expect((await post(CHAIN_ID, { origin: 'https://app.example' })).headers.get('access-control-allow-origin')).toBe(null);
  });

  it('lets pages of listed origins in, after a preflight', async () => {
    const { post, url } = await serve({ corsOrigins: ['https://app.example'] });
    const headers = {
      origin: 'https://app.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type',
    };
    const preflight = await fetch(url, { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type');
    const response = await post(CHAIN_ID, { origin: 'https://app.example' });
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(response.headers.get('vary')).toBe('Origin');
    expect((await post(CHAIN_ID, { origin: 'https://evil.example' })).headers.get('access-control-allow-origin')).toBe(null);
  });
});

describe('the operator', () => {
  it('may call everything with the token; a wrong token is refused', async () => {
    const { post } = await serve({ operatorToken: 'correct horse' });
    const body = '{"jsonrpc":"2.0","id":1,"method":"admin_peers"}';
    const withToken = await post(body, { authorization: 'Bearer correct horse' });
    expect(await withToken.json()).toMatchObject({ result: [{ id: 'peer' }] });
    expect(await (await post(body)).json()).toMatchObject({ error: { code: -32601 } });
    for (const authorization of ['Bearer wrong', 'Bearer ', 'Basic correct horse']) {
      expect((await post(body, { authorization })).status).toBe(401);
    }
  });
});

describe('whoever measures', () => {
  it('is told of each call once, under a name of the table', async () => {
    const seen: [method: string, isSuccess: boolean, isTimed: boolean][] = [];
    const { post } = await serve({ onRequest: (method, isSuccess, ms) => seen.push([method, isSuccess, ms >= 0]) });
    const notification = '{"jsonrpc":"2.0","method":"eth_blockNumber"}';
    await post(`[${CHAIN_ID},{"jsonrpc":"2.0","id":2,"method":"made_up"},{"jsonrpc":"2.0","id":3,"method":"eth_call"},${notification}]`);
    expect(seen).toEqual([
      ['eth_chainId', true, true],
      ['unknown', false, true],
      ['eth_call', false, true],
      ['eth_blockNumber', true, true],
    ]);
  });
});

describe('starting and stopping', () => {
  it('says that a port is in use', async () => {
    const other = createServer();
    const port = await new Promise<number>((resolve) => {
      other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
    });
    onTestFinished(() => void other.close());
    const starting = RpcServer.start(new FakeNode(), { port });
    await expect(starting).rejects.toMatchObject({
      code: 'rpc/port-in-use',
      message: expect.stringContaining(`Port ${port} on 127.0.0.1`),
    });
  });

  it('says that an address is not of this machine', async () => {
    await expect(RpcServer.start(new FakeNode(), { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'rpc/address' });
  });

  it('answers what is in work when it stops, then closes idle connections, and stops listening to the node', async () => {
    const { server, node, call } = await serve();
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    node.result = async () => {
      started.resolve();
      await finish.promise;
      return { returnData: new Uint8Array([1]), gasUsed: 1n, failure: null };
    };
    const answer = call('eth_call', {});
    await started.promise;
    const closed = server.close();
    finish.resolve();
    expect((await answer).result).toBe('0x01');
    await closed;
    await server.close();
    expect(node.listeners).toBe(0);
    await expect(call('eth_chainId')).rejects.toThrow();
  });

  it('keeps its own trouble with news away from the node that tells them', async () => {
    const logged: unknown[] = [];
    const logger: RpcLogger = { info: () => {}, warn: () => {}, error: (_, fields) => void logged.push(fields) };
    const { node, connect: open } = await serve({ logger });
    const socket = await open();
    await socket.call('eth_subscribe', 'logs');
    node.chain.receipts = () => {
      throw new RangeError('the disk is on fire');
    };
    node.mine({ bytes: await transfer(0), logs: [log(1)] });
    expect(logged).toEqual([{ error: 'the disk is on fire' }]);
    expect((await socket.call('eth_blockNumber')).result).toBe('0x1');
  });

  it('does not wait for what never ends', async () => {
    const { server, node, call, connect: open } = await serve({ limits: { closeGraceMs: 50 } });
    const started = Promise.withResolvers<void>();
    node.result = () => {
      started.resolve();
      return new Promise(() => {});
    };
    const answer = call('eth_call', {});
    answer.catch(() => {});
    const socket = await open();
    socket.raw.pause();
    await started.promise;
    await server.close();
    await expect(answer).rejects.toThrow();
  });
});
