/** The stage of a scenario in real time: a network that runs, by whatever carries calls to its supervisor. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '../../base/types.ts';
import { createRpcClient } from '../../cli/rpc-client.ts';
import type { VerbCall } from '../verbs.ts';
import type { Played, Stage } from './play.ts';

const ASK_TIMEOUT_MS = 5_000;

/** `signal` ends a step that only waits. */
export function realStage(
  call: (method: string, params: VerbCall['params']) => Promise<Json>,
  onStep: (played: Played) => void,
  signal?: AbortSignal,
): Stage {
  return {
    call,
    ask: async (rpcUrl, method) => (await createRpcClient(rpcUrl, { timeoutMs: ASK_TIMEOUT_MS }).call(method)) as Json,
    nowMs: () => performance.now(),
    sleep: async (ms) => {
      await delay(ms, undefined, signal === undefined ? {} : { signal });
    },
    onStep,
  };
}
