/** The dashboard's files: built from what is here, small, and served by their names alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUILT_DIRECTORY, buildDashboard } from '../../src/dashboard/build.ts';
import { dashboardPage } from '../../src/dashboard/serve.ts';
import { RpcServer } from '../../src/rpc/server.ts';
import { FakeNode } from '../rpc/fake-node.ts';
import { temporaryDirectories } from '../support/directory.ts';

const MAX_GZIPPED_BYTES = 100_000;
const newDirectory = temporaryDirectories();

describe('the built page', () => {
  it('is what its sources give (else run: node src/dashboard/build.ts)', async () => {
    const directory = newDirectory();
    await buildDashboard(directory);
    const names = readdirSync(BUILT_DIRECTORY).sort();
    expect(names).toEqual(['app.css', 'app.js', 'index.html', 'licenses.md']);
    expect(readdirSync(directory).sort()).toEqual(names);
    for (const name of names)
      expect(readFileSync(join(directory, name)).equals(readFileSync(join(BUILT_DIRECTORY, name))), name).toBe(true);
  });

  it('weighs under 100 kB over the wire, and names nobody else', () => {
    const served = readdirSync(BUILT_DIRECTORY).filter((name) => dashboardPage(`/${name}`) !== null);
    expect(served).toHaveLength(3);
    const files = served.map((name) => readFileSync(join(BUILT_DIRECTORY, name)));
    expect(files.reduce((sum, file) => sum + gzipSync(file).length, 0)).toBeLessThan(MAX_GZIPPED_BYTES);
    // Namespaces of SVG and MathML are names, not addresses.
    const addresses = files.flatMap((file) => file.toString().match(/https?:\/\/[^"'`\s)]+/g) ?? []);
    expect(addresses.filter((address) => !/^http:\/\/www\.w3\.org\//.test(address))).toEqual([]);
  });
});

describe('dashboardPage', () => {
  it('answers with a policy that lets nothing else in', () => {
    const page = dashboardPage('/');
    expect(page?.contentType).toBe('text/html; charset=utf-8');
    const policy = page?.headers['content-security-policy'] ?? '';
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"])
      expect(policy).toContain(rule);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(page?.headers['x-content-type-options']).toBe('nosniff');
    expect(dashboardPage('/', 'loopback')?.headers['content-security-policy']).toContain('ws://127.0.0.1:*');
  });

  it.each([
    '',
    '/..',
    '/../serve.ts',
    '/%2e%2e/serve.ts',
    '/app.js/',
    '//app.js',
    '/constructor',
    '/__proto__',
    '/built/app.js',
    'app.js',
    '/APP.JS',
  ])('knows no page %j', (path) => expect(dashboardPage(path)).toBeNull());
});

describe('a node with a dashboard', () => {
  let server: RpcServer;
  const get = (path: string, headers: Record<string, string> = {}) => fetch(server.address.url + path, { headers, redirect: 'manual' });
  beforeAll(async () => {
    server = await RpcServer.start(new FakeNode(), { port: 0, pages: { prefix: '/dashboard', page: (path) => dashboardPage(path) } });
  });
  afterAll(() => server.close());

  it('serves it beside JSON-RPC', async () => {
    const page = await get('/dashboard/');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await page.text()).toContain('<div id="app">');
    const script = await get('/dashboard/app.js?x=1');
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect((await get('/dashboard')).headers.get('location')).toBe('/dashboard/');
    const etag = page.headers.get('etag') ?? '';
    expect((await get('/dashboard/', { 'if-none-match': etag })).status).toBe(304);
    const rpc = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
    };
    expect(await (await fetch(server.address.url, rpc)).json()).toMatchObject({ id: 1 });
  });

  it('serves nothing else, and nobody who comes by a foreign name', async () => {
    for (const path of [
      '/dashboard/x',
      '/dashboardx',
      '/dashboard/%2e%2e/app.js',
      '/dashboard/../app.js',
      '/dashboard/..%2fserve.ts',
      '/app.js',
    ])
      expect(await statusOf(path), path).toBe(404);
    expect(await statusOf('/dashboard/', { host: 'evil.example' })).toBe(403);
  });

  /** By node:http, since fetch tidies paths and sets the host itself. */
  function statusOf(path: string, headers = {}): Promise<number> {
    const { host: hostname, port } = server.address;
    return new Promise((resolve, reject) => {
      request({ hostname, port, path, headers }, (response) => resolve(response.resume().statusCode ?? 0))
        .on('error', reject)
        .end();
    });
  }
});
