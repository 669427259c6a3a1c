/** The operator's commands to a permissioned engine: which there are, and how each is answered. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { AdminCommand, Event, RequestId } from '../engine.ts';
import type { EffectSink } from './decisions.ts';

/** Returns the answer; undefined where it comes later. Throws UsageError, which is the answer then. */
export type Command = (request: RequestId, given: AdminCommand['arguments']) => Json | undefined;

export interface Commands {
  /** As the genesis file calls it, for the code `<engine>/admin`. */
  readonly engine: string;
  /** For people: "Zab". */
  readonly title: string;
  readonly byName: { readonly [name: string]: Command };
}

export function answerAdmin(
  { effects }: { readonly effects: EffectSink<never> },
  { request, command }: Extract<Event<never>, { readonly type: 'admin' }>,
  { engine, title, byName }: Commands,
): void {
  try {
    const carryOut = Object.hasOwn(byName, command.name) ? byName[command.name] : undefined;
    if (carryOut === undefined) {
      const message = `${title} has no command ${quote(command.name)}; expected one of ${Object.keys(byName).join(', ')}.`;
      throw new UsageError(`${engine}/admin`, message);
    }
    const result = carryOut(request, command.arguments);
    if (result !== undefined) effects.push({ type: 'reply', request, result });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    effects.push({ type: 'reply', request, result: error });
  }
}
