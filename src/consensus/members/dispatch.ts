/**
 * The one dispatch of all permissioned engines: which event is whose. What a peer's message breaks is held against that peer, and
 * changes nothing else.
 */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Lsn, NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { blame, blockChecked, type DecisionTurn, receiveBlock, weighClaims } from './decisions.ts';

type EventOf<Type> = Extract<Event<never>, { readonly type: Type }>;

/** What an engine does with the events that are not the same for all. */
export interface Handlers<Turn, Message> {
  readonly start: (turn: Turn, event: EventOf<'start'>) => void;
  /** The handler of messages decides itself who is heard; elsewhere nobody is but members. */
  readonly hearsStrangers?: true;
  /** RuleErrors become offences. */
  readonly message: (turn: Turn, from: NodeId, message: Message) => void;
  /** By name. Of a timer that is not here nothing is wanted but the end of the step. */
  readonly timers: { readonly [id: string]: (turn: Turn) => void };
  readonly persisted: (turn: Turn, lsn: Lsn) => void;
  readonly stored: (turn: Turn, event: EventOf<'stored'>) => void;
  readonly built: (turn: Turn, event: EventOf<'built'>) => void;
  /** The pool may have transactions that no block has; so many. */
  readonly mempool: (turn: Turn, pending: number) => void;
  readonly admin: (turn: Turn, event: EventOf<'admin'>) => void;
}

export function dispatch<Turn extends DecisionTurn, Message>(turn: Turn, event: Event<Message>, handlers: Handlers<Turn, Message>): void {
  if (event.type !== 'block') weighClaims(turn);
  switch (event.type) {
    case 'start':
      return handlers.start(turn, event);
    case 'message':
      return receive(turn, event.from, event.message, handlers);
    case 'timer':
      return handlers.timers[event.id]?.(turn);
    case 'persisted':
      return handlers.persisted(turn, event.lsn);
    case 'stored':
      return handlers.stored(turn, event);
    case 'built':
      return handlers.built(turn, event);
    case 'checked':
      return blockChecked(turn, event.hash);
    case 'block':
      return receiveBlock(turn, event);
    case 'mempool':
      return handlers.mempool(turn, event.pending);
    case 'admin':
      return handlers.admin(turn, event);
    case 'sealed':
      // Nothing is mined here.
      return;
    default:
      return unreachable(event);
  }
}

function receive<Turn extends DecisionTurn, Message>(
  turn: Turn,
  from: NodeId,
  message: Message,
  { hearsStrangers, message: handle }: Pick<Handlers<Turn, Message>, 'message' | 'hearsStrangers'>,
): void {
  try {
    if (hearsStrangers === undefined && turn.council.membership.placeOf(from) === undefined) {
      throw new RuleError('members/stranger', `Node ${from} is no member, and has no part in what members decide.`, { from });
    }
    handle(turn, from, message);
  } catch (error) {
    blame(turn, from, error);
  }
}
