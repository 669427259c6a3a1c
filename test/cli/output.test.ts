import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import { exitCodeOf, formatAmount, openProgress, parseAmount, printable, table, toJsonText } from '../../src/cli/output.ts';
import { codeOf } from '../wallet/support.ts';

describe('amounts', () => {
  test.each([
    ['1.5', 1_500_000_000_000_000_000n],
    ['1.5ether', 1_500_000_000_000_000_000n],
    ['1.5 ETH', 1_500_000_000_000_000_000n],
    ['0', 0n],
    ['100gwei', 100_000_000_000n],
    ['0.1gwei', 100_000_000n],
    ['10wei', 10n],
    ['0.000000000000000001', 1n],
    ['115792089237316195423570985008687907853269984665640564039457584007913129639935wei', 2n ** 256n - 1n],
  ])('%s is %d wei', (text, wei) => expect(parseAmount(text)).toBe(wei));

  test('a bare number is in the unit that the caller names', () => expect(parseAmount('2', 'gwei')).toBe(2_000_000_000n));

  test.each([
    '',
    ' ',
    '-1',
    '+1',
    '1.',
    '.5',
    '1e18',
    '1,5',
    '1 000',
    '0x10',
    '1bitcoin',
    'NaN',
    '1.5wei',
    '0.0000000000000000001',
    '115792089237316195423570985008687907853269984665640564039457584007913129639936wei',
    '9'.repeat(101),
    '１',
  ])('%s is refused', (text) => expect(codeOf(() => parseAmount(text))).toBe('arguments/amount'));

  test.each([
    [0n, '0'],
    [1n, '0.000000000000000001'],
    [10n ** 18n, '1'],
    [-15n * 10n ** 17n, '-1.5'],
    [10_000n * 10n ** 18n, '10000'],
  ])('%d wei reads %s', (wei, text) => expect(formatAmount(wei)).toBe(text));

  test('what is formatted parses back to the same wei', () => {
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 256n - 1n), (wei) => parseAmount(formatAmount(wei)) === wei));
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 256n - 1n), (wei) => parseAmount(formatAmount(wei, 'gwei'), 'gwei') === wei));
  });
});

describe('text', () => {
  test('columns are as wide as what is visible in them', () => {
    const text = table(
      ['name', 'height'],
      [
        ['\u001b[32ma\u001b[39m', '7'],
        ['longer', '1234567'],
      ],
      [1],
    );
    expect(stripVTControlCharacters(text).split('\n')).toEqual(['name     height', 'a             7', 'longer  1234567']);
  });

  test('what others wrote cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\u0007c\rd\u009be\nf\tg')).toBe('abcde\nf\tg');
  });

  test('wei in a JSON document is a decimal string', () => {
    expect(JSON.parse(toJsonText({ wei: 2n ** 70n, height: 3 }))).toEqual({ wei: (2n ** 70n).toString(), height: 3 });
  });
});

describe('progress', () => {
  function record(isTTY: boolean) {
    const written: string[] = [];
    let clockMs = 0;
    const stream = { isTTY, write: (text: string) => written.push(text) > 0 };
    const progress = openProgress('importing', { total: 200, stream, nowMs: () => clockMs });
    return { written, progress, at: (ms: number) => (clockMs = ms) };
  }

  test('on a terminal it rewrites one line, ten times a second at most', () => {
    const { written, progress, at } = record(true);
    for (let i = 0; i <= 100; i++) {
      at(i * 20);
      progress.update(i);
    }
    progress.end();
    expect(written.length).toBe(21 + 2);
    expect(written.slice(0, -1).every((text) => text.startsWith('\r\u001b[K') && !text.includes('\n'))).toBe(true);
    expect(written.at(-2)).toContain('importing: 100 of 200  50%  50/s  2 s left');
    expect(written.at(-1)).toBe('\n');
  });

  test('of what takes long it says how long one takes', () => {
    const { written, progress, at } = record(false);
    at(60_000);
    progress.update(5);
    expect(written.at(-1)).toContain('importing: 5 of 200  2%  12.0 s each  2340 s left');
  });

  test('elsewhere it prints a plain line at intervals', () => {
    const { written, progress, at } = record(false);
    for (let i = 0; i <= 100; i++) {
      at(i * 200);
      progress.update(i);
    }
    progress.end();
    expect(written.map((text) => text.split('  ')[0])).toEqual([
      'importing: 0 of 200',
      'importing: 50 of 200',
      'importing: 100 of 200',
      'importing: 100 of 200',
    ]);
    expect(written.join('')).not.toContain('\u001b');
  });
});

describe('the end of a command', () => {
  const source = fileURLToPath(new URL('../../src/cli/output.ts', import.meta.url));
  const errors = fileURLToPath(new URL('../../src/base/errors.ts', import.meta.url));
  const program = `
    import { Command } from 'commander';
    import { UsageError } from ${JSON.stringify(errors)};
    import { applyConventions, argumentError, print, run } from ${JSON.stringify(source)};
    const program = new Command('synod').version('1.0.0');
    applyConventions(program);
    const group = program.command('group');
    group.command('fail').action(() => { throw new UsageError('some/code', 'It \\u001b[2Jfailed.'); });
    group.command('bug').action(() => { throw new TypeError('a bug'); });
    group.command('wrong').action(() => { throw argumentError('thing', 'No such thing.'); });
    group.command('good').option('--json').action(async ({ json }) => print(json, { wei: 1n }, () => 'one wei'));
    group.command('flood').action(() => print(true, 'x'.repeat(1_000_000), () => ''));
    await run(program);`;
  const start = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program, '--', ...args], {
      encoding: 'utf8',
      // `node -e` leaves out the script's name, which commander expects second.
      env: { PATH: process.env.PATH, NO_COLOR: '1' },
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
    });
    return { status, stdout, stderr };
  };

  test.each([
    [['group', 'fail'], 1, 'Fatal: It failed. [some/code]\n'],
    [['group', 'wrong'], 2, 'Fatal: No such thing. [arguments/thing]\n'],
    [['group', 'good', '--nonsense'], 2, "Fatal: unknown option '--nonsense'\n"],
    [['group', 'good', 'surplus'], 2, 'Fatal: too many arguments'],
    [['nonsense'], 2, "Fatal: unknown command 'nonsense'"],
    [['group'], 2, 'Usage: synod group'],
    [['group', 'bug'], 1, 'Fatal: TypeError: a bug\n    at '],
  ])('%j exits with %d', (args, status, message) => {
    const result = start('', ...args);
    expect({ status: result.status, stdout: result.stdout }).toEqual({ status, stdout: '' });
    expect(result.stderr).toContain(message);
  });

  test('results, help and the version go to stdout with exit code 0', () => {
    expect(start('', 'group', 'good')).toEqual({ status: 0, stdout: 'one wei\n', stderr: '' });
    expect(start('', 'group', 'good', '--json')).toEqual({ status: 0, stdout: '{\n  "wei": "1"\n}\n', stderr: '' });
    expect(start('', '--version')).toEqual({ status: 0, stdout: '1.0.0\n', stderr: '' });
    expect(start('', 'group', '--help')).toMatchObject({ status: 0, stderr: '' });
  });

  test('a long result arrives whole', () => expect(start('', 'group', 'flood').stdout.length).toBe(1_000_003));
});

test('only wrong arguments exit with 2', () => {
  expect(exitCodeOf(new UsageError('arguments/x', ''))).toBe(2);
  expect(exitCodeOf(new UsageError('wallet/x', ''))).toBe(1);
  expect(exitCodeOf(new Error('x'))).toBe(1);
});
