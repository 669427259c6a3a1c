/** Rules of the house that the linter cannot state: what lies below the driver is pure, and nothing below is left undone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const PURE = ['base', 'chain', 'consensus', 'sync'];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** The code without comments and strings, in which these words may well appear. */
function code(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, "''");
}

/** Each offending file with what was found in it. */
function offenders(files: readonly string[], forbidden: RegExp, read: (file: string) => string = code): string[] {
  return files.flatMap((file) => {
    const found = forbidden.exec(read(file));
    return found === null ? [] : `${file}: ${found[0]}`;
  });
}

describe('the house', () => {
  it.each(PURE)('src/%s neither waits, nor reads a clock, nor does I/O', (folder) => {
    const impure =
      /\b(Date\b|Math\.random|performance\b|setTimeout|setInterval|setImmediate|queueMicrotask|console\b|process\b|await\b|async\b|Promise\b|fetch\()/;
    const files = sources(`src/${folder}`);
    expect(files).not.toEqual([]);
    expect(offenders(files, impure)).toEqual([]);
  });

  it('throws only errors of its own kinds', () => {
    expect(offenders(sources('src'), /throw new (Type|Range)?Error\(/)).toEqual([]);
  });

  it('leaves nothing undone and silences no checker', () => {
    const whole = (file: string) => readFileSync(join(ROOT, file), 'utf8');
    expect(offenders(sources('src'), /\b(TODO|FIXME|XXX)\b|@ts-ignore|@ts-expect-error/, whole)).toEqual([]);
  });
});
