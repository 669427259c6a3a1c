import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { readPassword, readSecretInput } from '../../src/cli/prompt.ts';
import { rejectionOf } from '../wallet/support.ts';

/** A terminal whose person types the next answer when asked. */
function terminal(answers: string[]) {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) });
  const output = new PassThrough();
  const shown: string[] = [];
  output.on('data', (chunk) => {
    shown.push(String(chunk));
    if (String(chunk).endsWith(': ')) setImmediate(() => input.write(answers.shift() ?? ''));
  });
  return { input, output, modes, shown: () => shown.join('') };
}

describe('a password at the terminal', () => {
  test('is read without echo', async () => {
    const person = terminal(['open sesame\r']);
    expect(await readPassword({ prompt: 'Password' }, person)).toBe('open sesame');
    expect(person.shown()).toBe('Password: \n');
    expect(person.modes).toEqual([true, false]);
  });

  test('can be corrected while it is typed', async () => {
    expect(await readPassword({ prompt: 'Password' }, terminal(['opem\u007fn\r']))).toBe('open');
    expect(await readPassword({ prompt: 'Password' }, terminal(['wrong\u0015right\r']))).toBe('right');
  });

  test('may be empty where a key file already has it', async () => {
    expect(await readPassword({ prompt: 'Password' }, terminal(['\r']))).toBe('');
  });

  test('that is new is asked for twice', async () => {
    const person = terminal(['secret\r', 'secret\r']);
    expect(await readPassword({ prompt: 'Password', isNew: true }, person)).toBe('secret');
    expect(person.shown()).toBe('Password: \nRepeat the password: \n');
  });

  test.each([
    ['differs the second time', ['secret\r', 'Secret\r'], 'prompt/password-mismatch'],
    ['is empty', ['\r'], 'prompt/empty-password'],
    ['is not given (Ctrl-C)', ['sec\u0003'], 'prompt/cancelled'],
    ['is not given (Ctrl-D)', ['\u0004'], 'prompt/cancelled'],
  ])('that is new and %s is refused', async (_name, answers, code) => {
    const person = terminal(answers);
    expect((await rejectionOf(readPassword({ prompt: 'Password', isNew: true }, person))).code).toBe(code);
    expect(person.modes.at(-1)).toBe(false);
  });
});

test('without a terminal nobody is asked', async () => {
  const output = new PassThrough();
  const error = await rejectionOf(readPassword({ prompt: 'Password of 0x12' }, { input: new PassThrough(), output }));
  expect(error.code).toBe('prompt/no-terminal');
  expect(error.message).toContain('--password');
  output.end();
  expect(await text(output)).toBe('');
});

test('what is piped in is read whole, and bounded', async () => {
  const input = new PassThrough();
  input.end('0x12\n');
  expect(await readSecretInput(input)).toBe('0x12\n');
  const endless = new PassThrough();
  endless.write('x'.repeat(70_000));
  expect((await rejectionOf(readSecretInput(endless))).code).toBe('prompt/secret-file');
});
