import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createRpcClient, quantity } from '../../src/cli/rpc-client.ts';
import { codeOf, rejectionOf } from '../wallet/support.ts';
import { fakeNode, httpServer } from './wallet-support.ts';

test('a call goes out as JSON-RPC and its result comes back', async () => {
  const { url, calls } = await fakeNode({ eth_chainId: '0x7a69', nothing: null });
  const rpc = createRpcClient(url, { token: 'abc' });
  expect(await rpc.call('eth_chainId')).toBe('0x7a69');
  expect(await rpc.call('nothing', [1, 'two'])).toBe(null);
  expect(calls).toEqual([
    { method: 'eth_chainId', params: [], authorization: 'Bearer abc' },
    { method: 'nothing', params: [1, 'two'], authorization: 'Bearer abc' },
  ]);
});

describe('an error', () => {
  const failure = (url: string, options = {}) => rejectionOf(createRpcClient(url, options).call('eth_chainId'));

  test('of the node keeps its message and code', async () => {
    const { url } = await fakeNode({});
    expect(await failure(url)).toMatchObject({
      code: 'rpc/refused',
      message: 'The node refused eth_chainId: the method eth_chainId does not exist (-32601)',
      fields: { rpcCode: -32601 },
    });
  });

  test('for a port where nobody listens says how to start a node', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
    );
    await new Promise((resolve) => server.close(resolve));
    const error = await failure(`http://127.0.0.1:${port}`);
    expect(error.code).toBe('rpc/unreachable');
    expect(error.message).toContain('synod node');
  });

  test('for a server that never answers comes after the time-out', async () => {
    expect((await failure(await httpServer(() => undefined), { timeoutMs: 50 })).code).toBe('rpc/timeout');
    const drips = await httpServer((_request, response) => response.write('{'));
    expect((await failure(drips, { timeoutMs: 50 })).code).toBe('rpc/timeout');
  });

  test('for an endless reply comes at the limit', async () => {
    const url = await httpServer((_request, response) => {
      const flood = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', flood);
      flood();
    });
    expect((await failure(url, { maxReplyBytes: 100_000 })).code).toBe('rpc/bad-reply');
  });

  test.each(['', 'hello', '<html>', '[]', '"x"', 'null', '{}', '{"jsonrpc":"2.0","id":1}'])(
    'for the reply %j says that this is no node',
    async (body) => {
      const url = await httpServer((_request, response) => response.writeHead(404).end(body));
      expect(await failure(url)).toMatchObject({ code: 'rpc/bad-reply', message: expect.stringContaining('HTTP 404') });
    },
  );

  test.each(['"text"', '[]', '5', '{}', '{"code":"x","message":{"deep":1}}', `{"message":"${'x'.repeat(10_000)}"}`])(
    'for the malformed error object %j is short',
    async (object) => {
      const url = await httpServer((_request, response) => response.end(`{"jsonrpc":"2.0","id":1,"error":${object}}`));
      const error = await failure(url);
      expect(error.code).toBe('rpc/refused');
      expect(error.message.length).toBeLessThan(600);
    },
  );

  test('for a redirect does not follow it', async () => {
    const url = await httpServer((_request, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end());
    expect((await failure(url)).code).toBe('rpc/unreachable');
  });
});

test.each(['', 'localhost:8545', 'ftp://x', 'ws://127.0.0.1:8546', 'file:///etc/passwd', 'http://user:pass@127.0.0.1'])(
  '%j is no RPC URL',
  (url) => {
    expect(codeOf(() => createRpcClient(url))).toBe('arguments/rpc-url');
  },
);

test('quantities are hex', () => {
  expect(quantity('0x10', 'x')).toBe(16n);
  for (const wrong of [16, '16', '0x', '0xg', `0x${'f'.repeat(65)}`, null, undefined, {}])
    expect(codeOf(() => quantity(wrong, 'x'))).toBe('rpc/bad-reply');
});
