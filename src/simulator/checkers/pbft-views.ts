/**
 * View changes of a PBFT network (section 4.4).
 *
 * ViewChangeComplete: a correct node's view change proves everything that it has committed to before: as committed, or as
 * prepared in that view or a later one. NewViewCarries: a correct node begins a view with what follows from its view changes,
 * the prepared block of the highest view, and prepares nothing else in its place.
 */
import type { Hash } from '../../base/types.ts';
import type { CheckerFactory } from './checker.ts';
import { certified, type NewView, outcome, ownVote, type PbftMessage, type Said, viewIn } from './pbft-reference.ts';

export const viewChangeComplete: CheckerFactory = ({ isCorrect, report }) => {
  /** By node: the last commit that left. They ascend. */
  const committed = new Map<number, Said>();
  return {
    name: 'ViewChangeComplete',
    sees: ['sending'],
    observe(observation) {
      if (observation.type !== 'sending' || !isCorrect(observation.node)) return;
      const { node } = observation;
      const message = observation.message as PbftMessage;
      const own = ownVote(node, message);
      if (own?.phase === 'commit') committed.set(node, own);
      const last = committed.get(node);
      if (message.type !== 'viewChange' || last === undefined || viewIn(message.change) <= last.view) return;
      const base = certified(message.change.checkpoint)?.height ?? 0;
      const prepared = certified(message.change.prepared);
      if (base >= last.height || (prepared !== null && prepared.height >= last.height && prepared.view >= last.view)) return;
      const proven = prepared === null ? 'nothing prepared' : `height ${prepared.height} prepared in view ${prepared.view}`;
      report({
        node,
        message: `Changes to view ${viewIn(message.change)} with height ${base} committed and ${proven}, after a commit at height ${last.height} in view ${last.view}.`,
      });
    },
  };
};

export const newViewCarries: CheckerFactory = ({ isCorrect, report }) => {
  /** By node and view. */
  const begun = new Map<string, { readonly base: number; readonly carried: Hash | null }>();

  function begins(node: number, newView: NewView, told: { readonly [name: string]: unknown }): void {
    const expected = outcome(newView);
    begun.set(`${node}/${viewIn(newView)}`, expected);
    if (told.view !== viewIn(newView) || (told.base === expected.base && told.carried === expected.carried)) return;
    const message = `Begins view ${told.view} above height ${told.base} with ${told.carried ?? 'any block'}; by its view changes it begins above ${expected.base} with ${expected.carried ?? 'any block'}.`;
    report({ node, message });
  }

  return {
    name: 'NewViewCarries',
    sees: ['step', 'sending'],
    observe(observation) {
      if ((observation.type !== 'step' && observation.type !== 'sending') || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'step') {
        const { event, effects } = observation;
        const trace = effects.find((effect) => effect.type === 'trace' && effect.name === 'newView');
        if (trace?.type !== 'trace') return;
        const sent = effects.flatMap((effect) => (effect.type === 'send' ? [effect.message as PbftMessage] : []));
        const heard = event.type === 'message' ? [event.message as PbftMessage] : [];
        const message = [...heard, ...sent].find(({ type }) => type === 'newView');
        if (message?.type === 'newView') begins(node, message.newView, trace.data);
        return;
      }
      const own = ownVote(node, observation.message as PbftMessage);
      const view = own === null ? undefined : begun.get(`${node}/${own.view}`);
      if (own === null || view === undefined || own.phase !== 'prepare') return;
      if (own.height > view.base + 1 || (own.height === view.base + 1 && (view.carried ?? own.hash) === own.hash)) return;
      const message = `Prepares ${own.hash} at height ${own.height} in view ${own.view}, which begins above ${view.base} with ${view.carried ?? 'any block'}.`;
      report({ node, message });
    },
  };
};
