/**
 * Imports a user's engine where it can do no harm, in a thread of its own, before this process does: a module may loop for
 * ever, wait for ever, end its process or throw anything at all while it is loaded, and none of that can be caught here.
 * Loaded as that thread, this file does the importing.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';

/** What the thread says: null, or what went wrong. */
type Verdict = string | null;

/** A module that takes longer will not come back. Starting a thread takes less than 0.1 s of it. */
export const IMPORT_LIMIT_MS = 10_000;
const IMPORT = 'synod-engine-probe';
/** A promise of the module itself that nobody keeps ends a thread like this, when nothing else is left to do. */
const ENDED = 'it waits for something that never comes, or ended its process, while it was loaded';

/** Throws UsageError `simulator/engine-module`, which names the file and what is wrong with it. */
export async function probeModule(file: string, limitMs = IMPORT_LIMIT_MS): Promise<void> {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw unusable(file, 'it is no file');
  const verdict = await importApart(pathToFileURL(resolve(file)).href, limitMs);
  if (verdict !== null) throw unusable(file, isUnplaced(verdict) ? `${verdict} (${unparsedPlace(file)})` : verdict);
}

function isUnplaced(verdict: string): boolean {
  return verdict.startsWith('SyntaxError') && !/:\d+\)$/.test(verdict);
}

/** Of a module that cannot be parsed the error does not say where: Node prints it, and only to who starts it with that file. */
function unparsedPlace(file: string): string {
  const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: IMPORT_LIMIT_MS });
  const place = /^(\S.*:\d+)$/m.exec(stderr ?? '')?.[1];
  return place === undefined ? 'in a module that it imports' : pathOf(place);
}

async function importApart(url: string, limitMs: number): Promise<Verdict> {
  const { promise, resolve: settle } = Promise.withResolvers<Verdict>();
  // What it prints while it is loaded, it will print again.
  const worker = new Worker(new URL(import.meta.url), { workerData: { [IMPORT]: url }, stdout: true, stderr: true });
  const limit = setTimeout(
    () => settle(`it is not loaded after ${limitMs / 1_000} s: a loop without end, or a promise that nobody keeps`),
    limitMs,
  );
  worker.once('message', settle);
  worker.once('error', (error) => settle(explainImport(error)));
  worker.once('exit', (code) => settle(code === 0 ? ENDED : `${ENDED} (exit code ${code})`));
  const verdict = await promise;
  clearTimeout(limit);
  await worker.terminate();
  return verdict;
}

function unusable(file: string, why: string): UsageError {
  return new UsageError('simulator/engine-module', `Cannot load the engine ${quote(file)}: ${why}.`, { file });
}

/** One line, with the place, which for a text that cannot be parsed is in the stack alone. */
function explainImport(error: unknown): string {
  if (!(error instanceof Error)) return `it throws ${quote(String(error))}`;
  const [message = ''] = error.message.split('\n');
  const stack = error.stack ?? '';
  // Of what cannot be parsed, the place stands in the first line.
  const place = /(file:\/\/[^\s()]+?:\d+)/.exec(stack)?.[1] ?? /^(\/\S*:\d+)$/m.exec(stack)?.[1];
  const hint = 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND' ? '; relative imports are relative to the engine' : '';
  return `${error.name}: ${message.trim().replace(/\.$/, '')}${place === undefined ? '' : ` (${pathOf(place)})`}${hint}`;
}

function pathOf(place: string): string {
  if (!place.startsWith('file:')) return place;
  const [, url = '', line = ''] = /^(.*):(\d+)$/.exec(place) ?? [];
  return `${fileURLToPath(url)}:${line}`;
}

async function importHere(url: string): Promise<void> {
  try {
    await import(url);
    parentPort?.postMessage(null);
  } catch (error) {
    parentPort?.postMessage(explainImport(error));
  }
}

const wanted: unknown = isMainThread ? undefined : workerData?.[IMPORT];
if (typeof wanted === 'string') void importHere(wanted);
