/**
 * Secrets from the person at the keyboard, or from a file for scripts: never from an argument, because arguments are
 * visible to every process of the machine and stay in the shell's history.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { UsageError } from '../base/errors.ts';
import { argumentError, warn } from './output.ts';

/** A password file that is longer is not one. */
const MAX_SECRET_FILE_BYTES = 64 * 1024;
const OTHERS_MAY_READ = 0o077;

const passwordAdvice = (option: string) => `Name a file with ${option}, whose first line is the password.`;

export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/** stderr, so that prompts stay out of a redirected result. */
const CONSOLE: Terminal = { input: process.stdin, output: process.stderr };

export interface PasswordRequest {
  /** What the password opens or protects: `Password of 0x...`. */
  readonly prompt: string;
  /** Its first line is the password. */
  readonly file?: string | undefined;
  /** Where `file` comes from: `--password` when absent. */
  readonly option?: string;
  /** A password for something new is asked for twice and must not be empty. */
  readonly isNew?: boolean;
}

export async function readPassword(request: PasswordRequest, terminal: Terminal = CONSOLE): Promise<string> {
  if (request.file !== undefined) {
    const password = firstLine(readSecretFile(request.file));
    if (request.isNew === true && password === '')
      throw argumentError('password', `The first line of ${request.file} is empty; it should be the password.`);
    return password;
  }
  const advice = passwordAdvice(request.option ?? '--password');
  const password = await readHiddenLine(request.prompt, advice, terminal);
  if (request.isNew !== true) return password;
  if (password === '') throw new UsageError('prompt/empty-password', 'The password is empty. Anybody could open the key file.');
  const again = await readHiddenLine('Repeat the password', advice, terminal);
  if (again !== password)
    throw new UsageError('prompt/password-mismatch', 'The two passwords differ. Nothing was written; please try again.');
  return password;
}

/** One line without echo. Throws `prompt/no-terminal`, with the advice `otherwise`, and `prompt/cancelled` on Ctrl-C or Ctrl-D. */
export async function readHiddenLine(prompt: string, otherwise: string, terminal: Terminal = CONSOLE): Promise<string> {
  if (terminal.input.isTTY !== true)
    throw new UsageError('prompt/no-terminal', `Cannot ask "${prompt}": the input is not a terminal. ${otherwise}`);
  // Readline edits the line and puts the terminal into raw mode, where nothing echoes; what it would draw is dropped.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.input, output: nowhere, terminal: true, historySize: 0 });
  terminal.output.write(`${prompt}: `);
  try {
    return await new Promise<string>((resolve, reject) => {
      const cancel = () => reject(new UsageError('prompt/cancelled', 'Cancelled. Nothing was written.'));
      lines.once('line', resolve).once('SIGINT', cancel).once('close', cancel);
    });
  } finally {
    lines.close();
    terminal.output.write('\n');
  }
}

/** The text of a small file (or pipe, such as bash's `<(...)`). Throws `prompt/secret-file`. */
export function readSecretFile(path: string): string {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const about = fstatSync(descriptor);
    if (about.isFile() && (about.mode & OTHERS_MAY_READ) !== 0)
      warn(`${path} holds a secret, and other users of this machine may read it: chmod 600 ${path}`);
    return readBounded(descriptor, path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError('prompt/secret-file', `Cannot read ${path}`, { path }, error);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readBounded(descriptor: number, path: string): string {
  const buffer = Buffer.alloc(MAX_SECRET_FILE_BYTES + 1);
  let length = 0;
  for (let count = -1; count !== 0 && length < buffer.length; length += count)
    count = readSync(descriptor, buffer, length, buffer.length - length, null);
  if (length > MAX_SECRET_FILE_BYTES) throw tooLong(path);
  return buffer.toString('utf8', 0, length);
}

/** Everything that is piped into the command. Throws `prompt/secret-file`. */
export async function readSecretInput(input: NodeJS.ReadableStream = process.stdin): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > MAX_SECRET_FILE_BYTES) throw tooLong('The standard input');
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLong(what: string): UsageError {
  return new UsageError('prompt/secret-file', `${what} is longer than ${MAX_SECRET_FILE_BYTES} bytes; is it the right one?`);
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? '';
}
