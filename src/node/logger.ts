/**
 * Logs through pino, printed in geth's shape (`INFO [05-14|11:53:50.637] Imported block   number=5 hash=0x12..ef`) or as
 * JSON lines. Values are names, numbers and hashes; nothing that is secret is ever given to a logger.
 */
import { stripVTControlCharacters, styleText } from 'node:util';
import { type DestinationStream, type Logger, pino } from 'pino';
import type { Json } from '../base/types.ts';

export type { Logger };
export type LogFormat = 'terminal' | 'json';

export interface LogOptions {
  readonly format: LogFormat;
  /** geth's --verbosity: 0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace. */
  readonly verbosity: number;
  /** Appended to, as JSON or text like the terminal's; null for stderr. */
  readonly file: string | null;
}

const LEVELS = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;
const MESSAGE_WIDTH = 40;
const COLOURS = { ERROR: 'red', WARN: 'yellow', INFO: 'green', DEBUG: 'cyan', TRACE: 'magenta' } as const;
const NAMES = new Map<number, keyof typeof COLOURS>([
  [50, 'ERROR'],
  [40, 'WARN'],
  [30, 'INFO'],
  [20, 'DEBUG'],
  [10, 'TRACE'],
]);

export function openLogger(options: LogOptions): Logger {
  const level = LEVELS[options.verbosity] ?? 'info';
  const sink =
    options.file === null ? pino.destination({ dest: 2, sync: true }) : pino.destination({ dest: options.file, mkdir: true, sync: true });
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.epochTime };
  if (options.format === 'json') return pino(settings, sink);
  const colour = options.file === null && process.stderr.isTTY === true;
  const text: DestinationStream = { write: (line) => void sink.write(`${gethLine(JSON.parse(line) as Entry, colour)}\n`) };
  return pino(settings, text);
}

interface Entry {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly [field: string]: Json | undefined;
}

/** One entry in geth's shape. Control characters, which a peer may have put into a value, are removed. */
export function gethLine(entry: Entry, colour: boolean): string {
  const { level, time, msg = '', ...fields } = entry;
  const name = NAMES.get(level) ?? 'INFO';
  const label = colour ? styleText(COLOURS[name], name.padEnd(5), { validateStream: false }) : name.padEnd(5);
  const values = Object.entries(fields).map(([key, value]) => `${key}=${plain(value)}`);
  const message = values.length === 0 ? printable(msg) : printable(msg).padEnd(MESSAGE_WIDTH);
  return [`${label} [${stamp(time)}] ${message}`, ...values].join(' ');
}

function plain(value: Json | undefined): string {
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value ?? null));
  return /[\s"=]/.test(text) && typeof value === 'string' ? JSON.stringify(text) : text;
}

function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes.
  return stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

/** Month-day|hour:minute:second.millisecond in local time, as geth prints it. */
function stamp(timeMs: number): string {
  const at = new Date(timeMs);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}|${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
