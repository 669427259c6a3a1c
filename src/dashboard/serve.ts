/**
 * The dashboard's page for who serves it: a node under /dashboard/, a test network's supervisor at /. Three files, read once
 * at the first request and looked up whole in a map, so that no path leads anywhere else. The page brings everything along
 * and may ask only whom its policy names (Content Security Policy Level 3).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface DashboardPage {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** `self`: the node that serves the page. `loopback`: also the nodes of a test network on this machine. */
export type Reach = 'self' | 'loopback';

const FILES = [
  ['index.html', 'text/html; charset=utf-8'],
  ['app.js', 'text/javascript; charset=utf-8'],
  ['app.css', 'text/css; charset=utf-8'],
] as const;

const SOURCES: { readonly [reach in Reach]: string } = {
  self: "'self'",
  loopback: "'self' http://127.0.0.1:* ws://127.0.0.1:* http://localhost:* ws://localhost:*",
};

const built: { [reach in Reach]?: ReadonlyMap<string, DashboardPage> } = {};

/** What a GET of this path answers, such as `/` or `/app.js`; null for every other. Needs no query and no host. */
export function dashboardPage(path: string, reach: Reach = 'self'): DashboardPage | null {
  built[reach] ??= readFiles(reach);
  return built[reach].get(path === '/' ? '/index.html' : path) ?? null;
}

function readFiles(reach: Reach): ReadonlyMap<string, DashboardPage> {
  return new Map(FILES.map(([name, contentType]) => [`/${name}`, readPage(name, contentType, reach)]));
}

function readPage(name: string, contentType: string, reach: Reach): DashboardPage {
  const body = readFileSync(new URL(`./built/${name}`, import.meta.url));
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { contentType, body, headers: { ...SECURITY, 'content-security-policy': policy(reach), etag } };
}

const SECURITY = {
  // Asked for again each time: names stay, contents change with the version.
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

function policy(reach: Reach): string {
  const rules = {
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': 'data:',
    'connect-src': SOURCES[reach],
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    'require-trusted-types-for': "'script'",
  };
  return Object.entries(rules)
    .map((rule) => rule.join(' '))
    .join('; ');
}
