/** How views read what the page knows: `useNetwork` follows its changes, `useAnswer` asks a node and tells how far that is. */
import { createContext } from 'preact';
import { useContext, useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { sentenceOf } from './failure.ts';
import type { Network } from './network.ts';

export const NetworkContext = createContext<Network | null>(null);

/** The view is drawn again whenever something changes. */
export function useNetwork(): Network {
  const network = useStill();
  const [, again] = useReducer((turn: number, _: undefined) => turn + 1, 0);
  useEffect(() => network.subscribe(() => again(undefined)), [network]);
  return network;
}

/** The same without following its changes. */
export function useStill(): Network {
  const network = useContext(NetworkContext);
  if (network === null) throw new ReferenceError('A view was drawn outside of the page.');
  return network;
}

export type Answer<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly sentence: string; readonly again: () => void }
  | { readonly state: 'there'; readonly value: T; readonly again: () => void };

/**
 * Asks when `key` changes, and every `everyMs` where that is given. What came before stays until the next answer, unless
 * the key has changed; an answer that comes too late is dropped.
 */
export function useAnswer<T>(key: string, ask: () => Promise<T>, everyMs = 0): Answer<T> {
  const [held, setHeld] = useState<{ key: string; value?: T; sentence?: string }>({ key: '' });
  const [turn, again] = useReducer((count: number, _: undefined) => count + 1, 0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    let isWanted = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const go = async () => {
      try {
        const value = await latest.current();
        if (isWanted) setHeld({ key, value });
      } catch (error) {
        if (isWanted) setHeld({ key, sentence: sentenceOf(error) });
      }
      if (isWanted && everyMs > 0) timer = setTimeout(go, document.hidden ? 5 * everyMs : everyMs);
    };
    void go();
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [key, turn, everyMs]);
  if (held.key !== key) return { state: 'loading' };
  const retry = () => again(undefined);
  if (held.sentence !== undefined) return { state: 'failed', sentence: held.sentence, again: retry };
  return { state: 'there', value: held.value as T, again: retry };
}
