/** A miner that finds two blocks of one height and tells both: it keeps the first until it has found the second. */
import type { Header } from '../../chain/header.ts';
import type { RequestId } from '../../consensus/engine.ts';
import { REFRESH_TIMER } from '../../consensus/pow/mining.ts';
import { targetOf } from '../../consensus/pow/work.ts';
import type { Effects, Liar, Turn } from './engine.ts';

export function powLiar(): Liar {
  /** The first of the two. */
  let first: { readonly request: RequestId; readonly header: Header } | null = null;

  function turn({ event, step }: Turn): { readonly effects: Effects; readonly isTold: boolean } {
    if (event.type === 'sealed' && first === null) {
      const { request, header } = event;
      first = { request, header };
      const other = { ...header, gasLimit: header.gasLimit - 1n };
      return { effects: [{ type: 'seal', request, header: other, target: targetOf(header.difficulty) }], isTold: false };
    }
    if (first !== null && event.type === 'sealed' && event.request === first.request) {
      const effects = step({ ...event, header: first.header });
      first = null;
      const announced = effects.find((effect) => effect.type === 'announce');
      if (announced?.type !== 'announce') return { effects, isTold: false };
      const second = { ...announced.block, header: event.header };
      return { effects: [...effects, { type: 'announce', block: second }], isTold: true };
    }
    // A new template would end the search. After the two blocks there is another one anyway.
    if (first !== null && (event.type === 'mempool' || (event.type === 'timer' && event.id === REFRESH_TIMER)))
      return { effects: [], isTold: false };
    const effects = step(event);
    // Somebody else's block came first.
    if (effects.some(({ type }) => type === 'seal' || type === 'unseal')) first = null;
    return { effects, isTold: false };
  }

  return { lies: ['proposal'], turn };
}
