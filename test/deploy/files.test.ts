/** What is under deploy/ without Docker, Compose or Kubernetes at hand: formats, flags, and what an image would be made of. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Hopeless, PATIENCE_MS, TestProcess, until } from '../support/processes.ts';
import { flagsIn, flagsOf } from './flags.ts';
import { documents, yaml } from './yaml.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, 'deploy', file), 'utf8');
const KNOWN = await flagsOf('node');
const unknown = (words: readonly string[]) => flagsIn(words).filter((flag) => !KNOWN.has(flag));

/** Instructions of a Dockerfile, with continued lines joined. */
function instructions(): { readonly name: string; readonly rest: string }[] {
  const joined = read('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '');
  return [...joined.matchAll(/^([A-Z]+) (.*)$/gm)].map(([, name = '', rest = '']) => ({ name, rest }));
}

describe('the image', () => {
  const all = instructions();
  const last = all.slice(all.findLastIndex(({ name }) => name === 'FROM'));
  const of = (name: string) => last.filter((one) => one.name === name).map(({ rest }) => rest);
  /** From the clone, not from the stage before. */
  const copied = all.flatMap(({ name, rest }) => (name === 'COPY' && !rest.startsWith('--') ? [rest.split(' ')] : []));

  it('has two stages of a named version, and ends as nobody in particular', () => {
    const from = all.filter(({ name }) => name === 'FROM').map(({ rest }) => rest);
    expect(from).toHaveLength(2);
    for (const image of from) expect(image).toMatch(/^node:24[\w.-]*( AS \w+)?$/);
    expect(of('USER')).toEqual(['10001:10001']);
    expect(last.findIndex(({ name }) => name === 'USER')).toBeLessThan(last.findIndex(({ name }) => name === 'ENTRYPOINT'));
    for (const form of [...of('ENTRYPOINT'), ...of('CMD')]) expect(() => JSON.parse(form)).not.toThrow();
    expect(unknown(JSON.parse(of('CMD')[0] ?? '[]'))).toEqual([]);
  });

  it('is made of what is there, which the file beside it lets through', () => {
    const sources = copied.flatMap((words) => words.slice(0, -1));
    expect(sources.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    const allowed = read('Dockerfile.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    expect([...allowed].sort()).toEqual([...new Set(sources)].sort());
  });

  const isRoot = process.getuid?.() === 0;
  const directory = mkdtempSync(join(tmpdir(), 'synod-image-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.skipIf(!isRoot)(
    'runs without being root, from nothing but what was copied (skipped where the tests are not root)',
    { timeout: 2 * PATIENCE_MS },
    async () => {
      // The dependencies as the tests have them: what the first stage installs is a part of these.
      const place = join(directory, 'synod');
      const data = join(directory, 'data');
      for (const path of [place, data]) mkdirSync(path);
      for (const source of copied.flatMap((words) => words.slice(0, -1)))
        cpSync(join(ROOT, source), join(place, source), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules'), join(place, 'node_modules'));
      copyFileSync(process.execPath, join(directory, 'node'));
      chmodSync(directory, 0o755);
      chownSync(data, 10_001, 10_001);
      chmodSync(data, 0o700);
      const probe = (JSON.parse(/CMD (\[.*\])/.exec(of('HEALTHCHECK')[0] ?? '')?.[1] ?? '[]') as string[])[2] ?? '';
      const entry = (JSON.parse(of('ENTRYPOINT')[0] ?? '[]') as string[]).slice(1).map((word) => word.replace('/synod', place));
      const command = (JSON.parse(of('CMD')[0] ?? '[]') as string[]).map((word) => word.replace('/data', data));
      const own = ['--port', '0', '--http.port', '0', '--metrics.port', '0'];
      const run = ['--reuid', '10001', '--regid', '10001', '--clear-groups', join(directory, 'node'), ...entry, ...command, ...own];
      const node = new TestProcess('setpriv', run, { channel: true, environment: { HOME: data } });
      try {
        const { metricsUrl } = await until('the node is ready', () => {
          if (!node.running) throw new Hopeless(node.tail());
          return node.messages[0] as { readonly metricsUrl: string } | undefined;
        });
        const { status } = await answerOf(probe.replace('http://127.0.0.1:6060', metricsUrl));
        expect(status).toBe(0);
      } finally {
        expect(await node.end('SIGTERM')).toMatchObject({ code: 0 });
      }
    },
  );
});

/** The health check of the image. */
async function answerOf(script: string): Promise<{ readonly status: number | null }> {
  const { code } = await new TestProcess(process.execPath, ['-e', script]).ended();
  return { status: code };
}

describe('the service', () => {
  const unit = read('systemd/synod.service');

  it('starts a node with flags that it has', () => {
    const lines = unit.split('\n').filter((line) => line.startsWith('ExecStart=') || line.includes('SYNOD_FLAGS='));
    expect(lines).toHaveLength(2);
    expect(unknown(lines.join(' ').replaceAll('SYNOD_FLAGS=', '').split(/\s+/))).toEqual([]);
  });

  const hasVerify = spawnSync('systemd-analyze', ['--version']).status === 0;
  it.skipIf(!hasVerify)('is what systemd understands (skipped where systemd-analyze is absent)', () => {
    const place = mkdtempSync(join(tmpdir(), 'synod-unit-'));
    try {
      // The program has its place on the machine of the service only.
      writeFileSync(join(place, 'synod.service'), unit.replace('/opt/synod/src/cli/bin.mjs', process.execPath));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', join(place, 'synod.service')], { encoding: 'utf8' });
      expect({ status, said: stderr.split('\n').filter((line) => line.includes('synod.service')) }).toEqual({ status: 0, said: [] });
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});

describe.skipIf(yaml === null)('the compose file (skipped where the package yaml is not installed)', () => {
  interface Service {
    readonly command: readonly unknown[];
    readonly volumes: readonly string[];
    readonly ports: readonly string[];
    readonly build: { readonly context: string; readonly dockerfile: string };
  }
  const services = () => {
    const [file] = documents(read('compose.yaml')) as [{ readonly services: Readonly<Record<string, Service>> }];
    return Object.values(file.services);
  };

  it('gives every node words as its command, and flags that it has', () => {
    for (const { command } of services()) {
      expect(command.filter((word) => typeof word !== 'string')).toEqual([]);
      expect(unknown(command as string[])).toEqual([]);
    }
  });

  it('builds the image that is here, opens RPC to this machine only, and mixes no two nodes up', () => {
    expect(services().map(({ build }) => build)).toEqual(Array(3).fill({ context: '..', dockerfile: 'deploy/Dockerfile' }));
    const ports = services().flatMap((service) => service.ports);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:8545$/);
    const own = services().map(({ volumes }) => volumes.find((volume) => volume.endsWith(':/net/own')));
    for (const list of [ports, own]) expect(new Set(list).size).toBe(3);
  });
});
