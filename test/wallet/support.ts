/** What the tests of wallets and commands share. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { SynodError } from '../../src/base/errors.ts';

/** The code of the error that `action` throws, or a word for its absence. */
export function codeOf(action: () => unknown): string {
  try {
    action();
    return 'no error';
  } catch (error) {
    return error instanceof SynodError ? error.code : `not a SynodError: ${String(error)}`;
  }
}

export async function rejectionOf(promise: Promise<unknown>): Promise<SynodError> {
  const error: unknown = await promise.then(
    () => new TypeError('it was fulfilled'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SynodError)) throw error;
  return error;
}

/** A directory that is gone after the test. */
export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'synod-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
