/** Commands to the supervisor of a test network, one at a time, and in a sentence what came of the last one. */
import { useState } from 'preact/hooks';
import { sentenceOf } from '../data/failure.ts';
import type { Network } from '../data/network.ts';

export interface Commands {
  readonly canCommand: boolean;
  /** The method that is under way; null when none is. */
  readonly busy: string | null;
  readonly said: { readonly tone: 'good' | 'bad'; readonly sentence: string } | null;
  /** `said` is told when it has worked. */
  run(method: string, params: unknown, said: string): Promise<boolean>;
}

export function useCommands(network: Network): Commands {
  const [busy, setBusy] = useState<string | null>(null);
  const [said, say] = useState<Commands['said']>(null);
  const run = async (method: string, params: unknown, sentence: string) => {
    setBusy(method);
    say(null);
    try {
      await network.control.command(method, params);
      say({ tone: 'good', sentence });
      return true;
    } catch (error) {
      say({ tone: 'bad', sentence: sentenceOf(error) });
      return false;
    } finally {
      setBusy(null);
    }
  };
  return { canCommand: network.isTestnet && network.control.canCommand, busy, said, run };
}
