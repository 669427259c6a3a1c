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

describe('below the driver', () => {
  const impure =
    /\b(Date\b|Math\.random|performance\b|setTimeout|setInterval|setImmediate|queueMicrotask|console\b|process\b|await\b|async\b|Promise\b|fetch\()/;
  it.each(PURE.flatMap((folder) => sources(`src/${folder}`)))('%s neither waits, nor reads a clock, nor does I/O', (file) => {
    expect(impure.exec(code(file))?.[0]).toBeUndefined();
  });
});

describe('everywhere', () => {
  it.each(sources('src'))('%s throws only errors of its own kinds and leaves nothing undone', (file) => {
    const text = code(file);
    expect(text).not.toMatch(/throw new Error\(/);
    expect(readFileSync(join(ROOT, file), 'utf8')).not.toMatch(/\b(TODO|FIXME|XXX)\b|@ts-ignore|@ts-expect-error/);
  });
});
