/** Parsers of option values that several commands share. Each throws `arguments/...` (exit code 2) with what was expected. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { explain, UsageError } from '../base/errors.ts';
import { Address, quote } from '../base/types.ts';
import { argumentError } from './output.ts';

/** An integer within bounds, in decimal. */
export function integerOption(name: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= low && value <= high))
      throw argumentError(name, `--${name} expects an integer from ${low} to ${high}, got ${quote(text)}.`);
    return value;
  };
}

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;
const MAX_DURATION_MS = 30 * 24 * UNITS_MS.h;

/** `90s`, `10m` or `1h` to milliseconds. */
export function durationOption(name: string): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d{1,9})([smh])$/.exec(text) ?? [];
    const durationMs = Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
    if (durationMs >= UNITS_MS.s && durationMs <= MAX_DURATION_MS) return durationMs;
    throw argumentError(name, `Expected a duration such as 90s, 10m or 1h (at most 720h), got ${quote(text)}.`);
  };
}

export const portOption = (name: string) => integerOption(name, 0, 65_535);

export function addressOption(name: string): (text: string) => Address {
  return (text) => {
    try {
      return Address(text);
    } catch (error) {
      throw argumentError(name, `--${name}: ${explain(error)}`);
    }
  };
}

/** `a,b , c` to its parts; empty parts are dropped. */
export function listOption(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

export function choiceOption<T extends string>(name: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw argumentError(name, `--${name} expects one of ${choices.join(', ')}, got ${quote(text)}.`);
    return found;
  };
}

export function defaultDatadir(): string {
  return join(homedir(), '.synod');
}

export function absolutePath(text: string): string {
  return resolve(text);
}

/** The largest genesis file that is read: a hundred thousand accounts are far below it. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Reads and parses a JSON file that the user named. */
export function readJsonFile(path: string, what: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UsageError('cli/unreadable-file', `Cannot read the ${what} ${quote(path)}`, {}, cause);
  }
  if (text.length > MAX_JSON_BYTES)
    throw new UsageError('cli/file-size', `The ${what} ${quote(path)} is larger than ${MAX_JSON_BYTES} bytes.`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError('cli/not-json', `The ${what} ${quote(path)} is not JSON`, {}, cause);
  }
}
