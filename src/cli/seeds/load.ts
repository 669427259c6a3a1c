/** Engines by name, or by the file of a module that a user wrote: for the command line and for threads, which know no more. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';
import type { Subject } from '../../simulator/subject.ts';
import { subjectOf } from '../../simulator/subjects/custom.ts';
import { knownSubject, SUBJECT_NAMES } from '../../simulator/subjects/registry.ts';
import { isModuleFile, notebookHere } from '../apart/run-apart.ts';

/** Throws UsageError `simulator/unknown-engine`, or what `loadModule` throws. */
export async function loadSubject(engine: string): Promise<Subject> {
  const known = knownSubject(engine);
  if (known !== undefined) return known;
  if (!isModuleFile(engine)) {
    const expected = `one of ${SUBJECT_NAMES.join(', ')}, or the file of a module`;
    throw new UsageError('simulator/unknown-engine', `There is no engine ${quote(engine)}; expected ${expected}.`);
  }
  return loadModule(engine);
}

/** Throws UsageError `simulator/engine-module`, or what `subjectOf` throws. */
export async function loadModule(file: string): Promise<Subject> {
  return subjectOf(await importModule(file), file);
}

/** Where nobody else is in the process, it is made safe for the module. */
async function importModule(file: string): Promise<{ readonly [key: string]: unknown }> {
  if (notebookHere() !== null) (await import('../apart/protect.ts')).protectProcess();
  try {
    return await import(pathToFileURL(resolve(file)).href);
  } catch (cause) {
    throw new UsageError('simulator/engine-module', `Cannot load the engine ${quote(file)}`, {}, cause);
  }
}
