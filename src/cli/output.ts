/**
 * What every command agrees on about what it prints and how it ends.
 *
 * Results go to stdout (one JSON document with --json, text for people otherwise); everything else, such as notes,
 * warnings and progress, goes to stderr, so that a pipe receives the result and nothing besides. Exit codes: 0, 1 for
 * a failure, 2 for wrong arguments. Colours appear on a terminal only; NO_COLOR and FORCE_COLOR are obeyed.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { explain, SynodError, UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';

/** Wrong arguments: exit code 2. The code of such an error starts with `arguments/`. */
export function argumentError(name: string, message: string): UsageError {
  return new UsageError(`arguments/${name}`, message);
}

// ---- The life of a command -------------------------------------------------------------------------------------

/** To be called on the program before commands are added, because commander copies these settings into each of them. */
export function applyConventions(program: Command): void {
  program
    .exitOverride()
    .showHelpAfterError('(--help shows the usage)')
    .configureOutput({ outputError: (text, write) => write(printable(text.replace(/^error: /, 'Fatal: '))) });
}

/** Runs a program to its end and sets the exit code. Never throws, never calls process.exit: output must drain first. */
export async function run(program: Command, argv: readonly string[] = process.argv): Promise<void> {
  process.stdout.off('error', leaveQuietlyWhenNobodyReads).on('error', leaveQuietlyWhenNobodyReads);
  try {
    await program.parseAsync(argv);
  } catch (error) {
    fatal(error);
  }
}

/** `synod ... | head` closes our stdout: that is not a failure. */
function leaveQuietlyWhenNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit();
  throw error;
}

/** Says why on stderr and sets the exit code; the caller returns after it. */
export function fatal(error: unknown): void {
  if (error instanceof CommanderError) {
    // Commander has printed its own message by now. Help and version are what was asked for, not errors.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  process.exitCode = exitCodeOf(error);
  process.stderr.write(`${style('red', 'Fatal:', process.stderr)} ${printable(describe(error))}\n`);
}

export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof SynodError && error.code.startsWith('arguments/') ? 2 : 1;
}

/** Errors that synod threw, and those of the operating system, explain themselves; any other is a bug and needs its stack. */
function describe(error: unknown): string {
  if (error instanceof SynodError) return `${explain(error)} [${error.code}]`;
  if (error instanceof Error && !('syscall' in error)) return error.stack ?? error.message;
  return explain(error);
}

// ---- Results, notes and warnings -------------------------------------------------------------------------------

/** The result of a command: `document` as JSON when `json` is set, else the text for people. */
export function print(json: boolean | undefined, document: unknown, human: () => string): void {
  process.stdout.write(`${json === true ? toJsonText(document) : human()}\n`);
}

/** Integers beyond a double's exact range (wei) become decimal strings. */
export function toJsonText(document: unknown): string {
  return JSON.stringify(document, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), 2);
}

export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

export function warn(text: string): void {
  process.stderr.write(`${style('yellow', 'Warning:', process.stderr)} ${printable(text)}\n`);
}

/** Text of others (a node's error message, a file name) must not be able to steer the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
}

type Style = Parameters<typeof styleText>[0];

export function style(format: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(format, text, { stream });
}

/**
 * Columns aligned by what is visible (colours have no width); columns named in `right` (by index) are set to the right. A title may
 * have several lines, which end above the first row.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const titles = header.map((title) => title.split('\n'));
  const height = Math.max(...titles.map(({ length }) => length));
  const heads = Array.from({ length: height }, (_, row) => titles.map((lines) => lines[row - height + lines.length] ?? ''));
  const widths = header.map((_, column) => Math.max(...[...heads, ...rows].map((row) => visibleWidth(row[column] ?? ''))));
  const line = (cells: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        const padding = ' '.repeat(width - visibleWidth(cell));
        return right.includes(column) ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return [...heads.map((head) => style('bold', line(head))), ...rows.map(line)].join('\n');
}

export function visibleWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what `style` writes begins with one.
const STYLE_OR_CHARACTER = /\u001b\[[\d;]*m|./gsu;

/** The text as far as it fits so many columns. Colours are kept: those that end behind the cut end all the same. */
export function truncate(text: string, columns: number): string {
  if (visibleWidth(text) <= columns) return text;
  let left = columns;
  const kept = text.match(STYLE_OR_CHARACTER)?.filter((part) => part.startsWith('\u001b') || left-- > 0);
  return (kept ?? []).join('');
}

// ---- Progress --------------------------------------------------------------------------------------------------

const TERMINAL_INTERVAL_MS = 100;
const PLAIN_INTERVAL_MS = 10_000;

export interface Progress {
  /** `done` counts from 0 to `total`. Cheap enough to be called for every item. */
  update(done: number, detail?: string): void;
  /** Shows the last state once more and ends the line. */
  end(): void;
}

export interface ProgressOptions {
  /** Absent when the end is not known. */
  readonly total?: number;
  readonly stream?: Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };
  readonly nowMs?: () => number;
}

/** One line on stderr that is rewritten in place on a terminal, and repeated now and then elsewhere. */
export function openProgress(label: string, options: ProgressOptions = {}): Progress {
  const { total, stream = process.stderr, nowMs = () => performance.now() } = options;
  const isTerminal = stream.isTTY === true;
  const intervalMs = isTerminal ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
  const startedMs = nowMs();
  let shownMs = Number.NEGATIVE_INFINITY;
  let last = { done: 0, detail: '' };

  const show = () => {
    shownMs = nowMs();
    const text = progressText(label, last.done, total, shownMs - startedMs, last.detail);
    // A line that is wrapped could not be rewritten.
    stream.write(isTerminal ? `\r\u001b[K${truncate(text, (stream.columns || 80) - 1)}` : `${text}\n`);
  };
  return {
    update(done, detail = '') {
      last = { done, detail };
      if (nowMs() - shownMs >= intervalMs) show();
    },
    end() {
      show();
      if (isTerminal) stream.write('\n');
    },
  };
}

function progressText(label: string, done: number, total: number | undefined, elapsedMs: number, detail: string): string {
  const parts = [`${label}: ${done}${total === undefined ? '' : ` of ${total}`}`];
  if (total !== undefined && total > 0) parts.push(`${Math.floor((100 * done) / total)}%`);
  const perSecond = elapsedMs < 1000 ? 0 : (1000 * done) / elapsedMs;
  if (perSecond > 0) parts.push(paceText(perSecond));
  if (perSecond > 0 && total !== undefined && done < total) parts.push(`${Math.ceil((total - done) / perSecond)} s left`);
  if (detail !== '') parts.push(printable(detail));
  return parts.join('  ');
}

/** Of what takes long, how long one takes. */
function paceText(perSecond: number): string {
  return perSecond < 0.5 ? `${(1 / perSecond).toFixed(1)} s each` : `${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s`;
}

// ---- Amounts ---------------------------------------------------------------------------------------------------

const DECIMALS = { wei: 0, kwei: 3, mwei: 6, gwei: 9, ether: 18, eth: 18 } as const;
export type Unit = keyof typeof DECIMALS;
const AMOUNT = /^(\d+)(?:\.(\d+))?\s*([a-z]+)?$/i;
const MAX_AMOUNT_CHARACTERS = 100;
const MAX_WEI = 2n ** 256n - 1n;

/** Exact: every digit that matters and none that does not. `formatAmount(15n * 10n ** 17n)` is `1.5`. */
export function formatAmount(wei: bigint, unit: Unit = 'ether'): string {
  const decimals = DECIMALS[unit];
  const digits = (wei < 0n ? -wei : wei).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return `${wei < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** `1.5`, `1.5ether`, `100 gwei`, `10wei` to wei; a bare number is in `unit`. Throws `arguments/amount`. */
export function parseAmount(text: string, unit: Unit = 'ether'): bigint {
  const match = text.length > MAX_AMOUNT_CHARACTERS ? null : AMOUNT.exec(text.trim());
  const [, whole = '', fraction = '', name = unit] = match ?? [];
  const decimals = Object.entries(DECIMALS).find(([known]) => known === name.toLowerCase())?.[1];
  if (match === null || decimals === undefined)
    throw argumentError('amount', `Expected an amount such as 1.5, 1.5ether, 100gwei or 10wei, got ${quote(text)}.`);
  if (fraction.length > decimals) throw argumentError('amount', `${quote(text)} is finer than one wei; ${name} has ${decimals} decimals.`);
  const wei = BigInt(whole + fraction.padEnd(decimals, '0'));
  if (wei > MAX_WEI) throw argumentError('amount', `${quote(text)} is more than 2^256 - 1 wei, the most that Ethereum can count.`);
  return wei;
}
