/** Who is held still goes on, and ends, when its supervisor is killed and can say nothing any more. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const SUPERVISOR = fileURLToPath(new URL('./pausing-supervisor.ts', import.meta.url));

it.runIf(process.platform === 'linux')('a node that stands still does not stay when its supervisor is killed', async () => {
  const supervisor = processes.script(SUPERVISOR, [join(temporary(), 'log')]);
  const { pid, state } = await until('it stands still', () => supervisor.documents[0] as { readonly pid: number; readonly state: string });
  processes.watch(pid, 'fake-node.mjs');
  expect(state).toBe('paused');
  await until('the system says so', () => stateOf(pid) === 'T');
  await supervisor.end('SIGKILL');
  await until('it has ended, as every node without a supervisor does', () => stateOf(pid) === null);
});

/** proc(5); null for a process that has ended. */
function stateOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const state = text.charAt(text.lastIndexOf(')') + 2);
    return state === 'Z' ? null : state;
  } catch {
    return null;
  }
}
