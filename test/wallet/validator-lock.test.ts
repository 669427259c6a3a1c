/** Claims on validators' keys, by this process and by others that are killed, race, or never were. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { PublicKey } from '../../src/base/signatures.ts';
import type { Hash } from '../../src/base/types.ts';
import { defaultLockDirectory, lockValidators } from '../../src/wallet/validator-lock.ts';
import { codeOf, rejectionOf, temporaryDirectory } from './support.ts';

const [KEY, OTHER, THIRD] = ['a1', 'b2', 'c3'].map((byte) => `0x${byte.repeat(48)}`) as [PublicKey, PublicKey, PublicKey];
const NETWORK = `0x${'4e'.repeat(32)}` as Hash;
const OTHER_NETWORK = `0x${'5f'.repeat(32)}` as Hash;
const MODULE = new URL('../../src/wallet/validator-lock.ts', import.meta.url).href;

let directory = '';
beforeEach(async () => {
  directory = join(await temporaryDirectory(), 'locks');
});

const lock = (keys: readonly PublicKey[], network = NETWORK) => lockValidators(keys, network, '/srv/keys', directory);

/** Waits for a line of its input, claims the keys, says how that went, and keeps them until it ends. */
const PROGRAM = `
import { lockValidators } from ${JSON.stringify(MODULE)};
process.stdin.once('data', () => {
  let answer = 'locked';
  try {
    lockValidators(JSON.parse(process.argv[1]), process.argv[2], 'child', process.argv[3]);
  } catch (error) {
    answer = error.code + ' ' + error.fields.pid;
  }
  console.log(answer);
});
console.log('ready');`;

class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(keys: readonly PublicKey[]) {
    const args = ['--input-type=module', '-e', PROGRAM, JSON.stringify(keys), NETWORK, directory];
    this.#process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    onTestFinished(() => void this.#process.kill('SIGKILL'));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value;
  }

  async claim(): Promise<string> {
    this.#process.stdin.write('go\n');
    return this.line();
  }

  async kill(): Promise<void> {
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

async function started(keys: readonly PublicKey[]): Promise<Child> {
  const child = new Child(keys);
  expect(await child.line()).toBe('ready');
  return child;
}

describe('within a process', () => {
  test('a key is claimed once, until it is released', () => {
    const first = lock([KEY, OTHER]);
    expect(codeOf(() => lock([KEY]))).toBe('wallet/validator-locked');
    first.release();
    lock([KEY]).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('all of the keys are claimed or none', () => {
    const first = lock([OTHER]);
    expect(codeOf(() => lock([KEY, OTHER, THIRD]))).toBe('wallet/validator-locked');
    const free = lock([KEY, THIRD]);
    first.release();
    free.release();
    expect(codeOf(() => lock([KEY, KEY]))).toBe('wallet/validator-locked');
    expect(readdirSync(directory)).toEqual([]);
  });

  test('other keys, and the same on another network, are free', () => {
    lock([KEY]);
    lock([OTHER]);
    lock([KEY], OTHER_NETWORK);
    expect(readdirSync(directory)).toHaveLength(3);
  });
});

describe('between processes', () => {
  test('the second is refused, and told by whom', async () => {
    const child = await started([KEY]);
    expect(await child.claim()).toBe('locked');
    const error = await rejectionOf((async () => lock([OTHER, KEY]))());
    expect(error).toMatchObject({ code: 'wallet/validator-locked', fields: { publicKey: KEY, pid: child.pid } });
    expect(error.message).toContain(`Process ${child.pid} (child)`);
    lock([KEY], OTHER_NETWORK);
    const mine = lock([OTHER]);
    const late = await started([OTHER]);
    expect(await late.claim()).toBe(`wallet/validator-locked ${process.pid}`);
    mine.release();
  });

  test('a killed one leaves nothing that keeps others out', async () => {
    const child = await started([KEY, OTHER]);
    expect(await child.claim()).toBe('locked');
    await child.kill();
    expect(readdirSync(directory)).toHaveLength(2);
    // The claims of the dead go, whichever key is asked for.
    lock([KEY]);
    expect(readdirSync(directory)).toEqual([expect.stringContaining(`-${process.pid}-`)]);
  });

  test('never more than one of those that race has a key', async () => {
    const children = await Promise.all(Array.from({ length: 4 }, () => started([KEY, OTHER])));
    const answers = await Promise.all(children.map((child) => child.claim()));
    expect(answers.filter((answer) => answer === 'locked').length).toBeLessThanOrEqual(1);
    for (const answer of answers) expect(answer).toMatch(/^locked$|^wallet\/validator-locked \d+$/);
    // Who lost has withdrawn, so that after the race somebody can have them.
    await Promise.all(children.map((child) => child.kill()));
    lock([KEY, OTHER]);
  });
});

describe.runIf(process.platform === 'linux')('a claim of a process that is not the one that runs', () => {
  /** Our own claim, taken as the pattern for others. */
  function ownName(): string {
    const { release } = lock([KEY]);
    const [name = ''] = readdirSync(directory);
    release();
    return name;
  }

  test.each<[string, (parts: string[]) => string[]]>([
    ['has its number, but started at another time', ([key = '', network = '', pid = '', , boot = '']) => [key, network, pid, '1', boot]],
    ['was made before the machine started', ([key = '', network = '', pid = '', at = '']) => [key, network, pid, at, 'abcdef']],
    ['has a number that nobody has', ([key = '', network = '', , at = '', boot = '']) => [key, network, '4194305', at, boot]],
  ])('and that %s is removed', (_name, change) => {
    const path = join(directory, change(ownName().split('-')).join('-'));
    writeFileSync(path, 'gone');
    lock([KEY]);
    expect(existsSync(path)).toBe(false);
  });

  test('files of other kinds are left alone', () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'notes'), 'x');
    writeFileSync(join(directory, `${KEY}-1-2`), 'x');
    lock([KEY]).release();
    expect(readdirSync(directory).sort()).toEqual([`${KEY}-1-2`, 'notes']);
  });
});

describe('the directory', () => {
  test('is closed to others', () => {
    mkdirSync(directory, { recursive: true, mode: 0o777 });
    lock([KEY]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const [claim = ''] = readdirSync(directory);
    expect(statSync(join(directory, claim)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory, claim), 'utf8')).toBe('/srv/keys');
  });

  test('that leads elsewhere, or is none, is refused', async () => {
    const target = await temporaryDirectory();
    symlinkSync(target, directory);
    expect(codeOf(() => lock([KEY]))).toBe('wallet/validator-lock-io');
    expect(readdirSync(target)).toEqual([]);
    const file = join(target, 'file');
    writeFileSync(file, '');
    expect(codeOf(() => lockValidators([KEY], NETWORK, '', file))).toBe('wallet/validator-lock-io');
  });

  test.runIf(process.getuid !== undefined)('is the same for all processes of a user, whatever TMPDIR says', () => {
    expect(defaultLockDirectory()).toBe(`/tmp/synod-validator-locks-${process.getuid?.()}`);
  });
});
