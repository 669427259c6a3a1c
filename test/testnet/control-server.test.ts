/** The control server against those who should not be there, and those who do not know how to ask. */
import { request as httpRequest } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/types.ts';
import { type ControlMethod, MAX_CALLS, MAX_REQUEST_BYTES, type Page, startControlServer } from '../../src/testnet/control-server.ts';

const TOKEN = 'f00d'.repeat(12);
const PAGE: Page = { contentType: 'text/html; charset=utf-8', body: Buffer.from('<p>here'), headers: { 'content-security-policy': 'x' } };
const STATUS = '{"jsonrpc":"2.0","id":7,"method":"testnet_status","params":[]}';

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

async function serve(methods: Readonly<Record<string, ControlMethod>> = {}) {
  const all: Record<string, ControlMethod> = {
    testnet_status: { run: async () => ({ up: 4 }) },
    testnet_nodes: { open: true, run: async () => [] },
    testnet_echo: { run: async (params) => params as Json },
    ...methods,
  };
  const server = await startControlServer({
    port: 0,
    token: TOKEN,
    page: (path) => (path === '/' ? PAGE : null),
    method: (name) => (Object.hasOwn(all, name) ? all[name] : undefined),
  });
  onTestFinished(() => server.close());
  /** Past `fetch`, which lets nobody say which host it means. */
  const send = (options: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer }): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { method = 'POST', path = '/', headers = {}, body } = options;
      const type = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
      const request = httpRequest({ host: '127.0.0.1', port: server.port, method, path, headers: { ...type, ...headers } }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: String(Buffer.concat(chunks)) }),
        );
      });
      request.on('error', reject);
      request.end(body);
    });
  return { port: server.port, send };
}

function errorOf({ status, text }: Reply): [status: number, number: number, code: string, id: unknown] {
  const { jsonrpc, id, error } = JSON.parse(text);
  expect(jsonrpc).toBe('2.0');
  expect(error.message).not.toBe('');
  return [status, error.code, error.data.code, id];
}

describe('who asks', () => {
  it('is answered with the token', async () => {
    const { send } = await serve();
    const { status, text } = await send({ body: STATUS });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', id: 7, result: { up: 4 } });
  });

  it.each([
    {},
    { authorization: '' },
    { authorization: 'Bearer ' },
    { authorization: `Bearer ${'0'.repeat(TOKEN.length)}` },
    { authorization: TOKEN },
  ])('and has no right to: %j', async (headers) => {
    const { send } = await serve();
    const wrong = { authorization: 'none', ...headers };
    expect(errorOf(await send({ headers: wrong, body: STATUS }))).toEqual([401, -32_001, 'testnet/token', 7]);
    // Nor learns what there is.
    const unknown = STATUS.replace('testnet_status', 'testnet_wish');
    expect(errorOf(await send({ headers: wrong, body: unknown }))[2]).toBe('testnet/token');
    const open = await send({ headers: wrong, body: STATUS.replace('testnet_status', 'testnet_nodes') });
    expect(JSON.parse(open.text)).toEqual({ jsonrpc: '2.0', id: 7, result: [] });
  });

  it('is not a page of a stranger, by whatever name it came', async () => {
    const { send, port } = await serve();
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', '127.0.0.1:80:80']) {
      expect(errorOf(await send({ headers: { host }, body: STATUS }))[2]).toBe('testnet/host');
      expect((await send({ method: 'GET', headers: { host } })).status).toBe(403);
    }
    for (const host of ['localhost:1', '[::1]:1', 'LOCALHOST']) expect((await send({ headers: { host }, body: STATUS })).status).toBe(200);
    for (const origin of ['http://evil.example', 'null', 'https://127.0.0.1'])
      expect(errorOf(await send({ headers: { origin }, body: STATUS }))[2]).toBe('testnet/origin');
    const own = await send({ headers: { host: `127.0.0.1:${port}`, origin: `http://127.0.0.1:${port}` }, body: STATUS });
    expect(own.status).toBe(200);
    expect(own.headers).not.toHaveProperty('access-control-allow-origin');
    expect(errorOf(await send({ method: 'OPTIONS' }))[2]).toBe('testnet/http-method');
    expect(errorOf(await send({ headers: { 'content-type': 'text/plain' }, body: STATUS }))[2]).toBe('testnet/content-type');
  });
});

describe('what is no call', () => {
  it.each([
    ['', -32_700, 'testnet/parse'],
    ['{', -32_700, 'testnet/parse'],
    ['null', -32_600, 'testnet/request'],
    [`[${STATUS}]`, -32_600, 'testnet/request'],
    ['{"jsonrpc":"1.0","method":"testnet_status"}', -32_600, 'testnet/request'],
    ['{"jsonrpc":"2.0","method":7}', -32_600, 'testnet/request'],
    ['{"jsonrpc":"2.0","method":"testnet_status","params":3}', -32_600, 'testnet/request'],
    ['{"jsonrpc":"2.0","method":"testnet_wish"}', -32_601, 'testnet/no-such-method'],
    ['{"jsonrpc":"2.0","method":"constructor"}', -32_601, 'testnet/no-such-method'],
  ])('%s', async (body, number, code) => {
    const { send } = await serve();
    expect(errorOf(await send({ body })).slice(1, 3)).toEqual([number, code]);
  });

  it('is refused when it is too long, announced or not, and the next one is served', async () => {
    const { send } = await serve();
    const body = Buffer.alloc(MAX_REQUEST_BYTES + 1, ' ');
    expect(errorOf(await send({ body }))).toEqual([413, -32_000, 'testnet/too-long', null]);
    expect(errorOf(await send({ body, headers: { 'transfer-encoding': 'chunked' } }))[2]).toBe('testnet/too-long');
    expect((await send({ body: STATUS })).status).toBe(200);
  });

  it('is a flood: what is more than it works on is refused, and it goes on', async () => {
    const gate = Promise.withResolvers<Json>();
    const { send } = await serve({ testnet_slow: { run: () => gate.promise } });
    const body = STATUS.replace('testnet_status', 'testnet_slow');
    const replies = Array.from({ length: 60 }, () => send({ body }));
    const refused: Reply[] = [];
    await new Promise<void>((resolve) => {
      for (const reply of replies) void reply.then((it) => refused.push(it) === 60 - MAX_CALLS && resolve());
    });
    for (const reply of refused) expect(errorOf(reply)).toEqual([503, -32_000, 'testnet/busy', null]);
    gate.resolve('at last');
    const statuses = (await Promise.all(replies)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(MAX_CALLS);
    expect((await send({ body: STATUS })).status).toBe(200);
  });

  it('tells the code of a refusal', async () => {
    const { send } = await serve({
      testnet_fail: {
        run: async () => {
          throw new UsageError('testnet/no-such-node', 'There is no node 9.');
        },
      },
    });
    expect(errorOf(await send({ body: STATUS.replace('status', 'fail') }))).toEqual([200, -32_000, 'testnet/no-such-node', 7]);
  });
});

describe('pages', () => {
  it('are given with their headers; what there is not is named', async () => {
    const { send } = await serve();
    const page = await send({ method: 'GET', headers: { authorization: '' } });
    expect(page).toMatchObject({
      status: 200,
      text: '<p>here',
      headers: { 'content-type': PAGE.contentType, 'content-security-policy': 'x' },
    });
    expect((await send({ method: 'HEAD' })).text).toBe('');
    for (const path of ['/../control.json', '/%2e%2e/control.json', '//evil.example/', '/app.js?x=1']) {
      const { status, text } = await send({ method: 'GET', path });
      expect([path, status]).toEqual([path, 404]);
      expect(text).toContain('There is no page');
    }
  });
});

it('takes a free port where its own is taken', async () => {
  const { port } = await serve();
  const other = await startControlServer({ port, token: TOKEN, page: () => null, method: () => undefined });
  onTestFinished(() => other.close());
  expect(other.port).not.toBe(port);
});
