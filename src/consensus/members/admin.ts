/** The operator's commands to a permissioned engine: which there are, and how each is answered. */
import { UsageError } from '../../base/errors.ts';
import { type Json, type NodeId, quote } from '../../base/types.ts';
import type { AdminCommand, Event, RequestId } from '../engine.ts';
import type { Council } from './council.ts';
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

/** Another member, by the name that the operator gave. Throws UsageError `code`. */
export function otherMember(
  { council, self }: { readonly council: Council; readonly self: NodeId },
  code: string,
  wanted: Json | undefined,
): NodeId {
  const others = [...council.membership.others(self)];
  const found = others.find((node) => node === wanted);
  if (found !== undefined) return found;
  throw new UsageError(code, `Cannot transfer to ${quote(JSON.stringify(wanted) ?? 'nobody')}; expected one of ${others.join(', ')}.`);
}
