/** Runs a command of synod inside the test's process: what it prints, and how it ends. */
import { Command } from 'commander';
import { vi } from 'vitest';
import { applyConventions, run } from '../../src/cli/output.ts';

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One command of synod, to its end. */
export async function runCommand(register: (program: Command) => void, ...args: string[]): Promise<Outcome> {
  const outcome = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      outcome[name] += String(chunk);
      return true;
    }),
  );
  try {
    const program = new Command('synod');
    applyConventions(program);
    register(program);
    await run(program, ['node', 'synod', ...args]);
    return { ...outcome, exitCode: Number(process.exitCode ?? 0) };
  } finally {
    process.exitCode = 0;
    for (const spy of spies) spy.mockRestore();
  }
}
