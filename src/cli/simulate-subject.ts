/** The engine that a command of the simulator is about: its name or file, and the subject that it makes. */
import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { Scenario } from '../simulator/scenario.ts';
import type { Subject } from '../simulator/subject.ts';
import type { Script } from '../simulator/text/script.ts';
import { isModuleFile, notebookHere } from './apart/run-apart.ts';
import { readJsonFile } from './options.ts';
import { argumentError } from './output.ts';
import type { SimulateFlags } from './simulate-flags.ts';

const MAX_SCRIPT_BYTES = 8 * 1024 * 1024;
const DEFAULT_ENGINE = 'pow';

/** As flags, scenario or script name it. Throws what reading these throws. */
export async function engineOf(flags: SimulateFlags): Promise<string> {
  if (flags.script !== undefined) return (await import('../simulator/text/play.ts')).engineOf(await openScript(flags.script), flags.engine);
  if (flags.scenario !== undefined) return (await openScenario(flags.scenario)).engine;
  return flags.engine ?? DEFAULT_ENGINE;
}

export async function openScenario(file: string): Promise<Scenario> {
  const { parseScenario } = await import('../simulator/scenario.ts');
  return parseScenario(readJsonFile(file, 'scenario'));
}

export async function openScript(file: string): Promise<Script> {
  const { parseScript } = await import('../simulator/text/script.ts');
  return parseScript(readScript(file), file);
}

/** Throws UsageError `cli/file-size` or `cli/unreadable-file`. */
export function readScript(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_SCRIPT_BYTES) {
      throw new UsageError('cli/file-size', `The script ${quote(file)} has ${size} bytes; at most ${MAX_SCRIPT_BYTES} are read.`);
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('cli/unreadable-file', `Cannot read the script ${quote(file)}`, {}, cause);
  }
}

/** `where` is what names the engine. Throws `arguments/engine`, or what a module has wrong. */
export async function loadSubject(engine: string, where = '--engine'): Promise<Subject> {
  const { knownSubject, SUBJECT_NAMES } = await import('../simulator/subjects/registry.ts');
  const known = knownSubject(engine);
  if (known !== undefined) return known;
  if (!isModuleFile(engine)) {
    throw argumentError('engine', `${where} expects one of ${SUBJECT_NAMES.join(', ')}, or the file of a module; got ${quote(engine)}.`);
  }
  const { loadModule } = await import('./seeds/load.ts');
  const notebook = notebookHere();
  notebook?.call('While its module is loaded');
  await (await import('./engine-probe.ts')).probeModule(engine);
  const subject = await loadModule(engine);
  if (notebook === null) return subject;
  notebook.call('');
  const { noted } = await import('./apart/notebook.ts');
  return noted(subject, notebook);
}
