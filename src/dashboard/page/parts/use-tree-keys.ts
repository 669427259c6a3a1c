/** The keys of the block tree: from block to block, back and forth, into a block, and back to the head. */
import { useEffect, useRef } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import type { Block } from '../model/block.ts';
import { hrefs } from '../model/route.ts';
import type { Cell, TreeLayout } from '../model/tree-layout.ts';
import type { Window } from './tree-geometry.ts';

interface Keys {
  readonly network: Network;
  readonly layout: TreeLayout;
  readonly view: Window;
  readonly heights: number;
  readonly highest: number;
  readonly selected: Cell | null;
  readonly pick: (hash: string | null) => void;
  readonly setEnd: (end: number | null) => void;
}

export function useTreeKeys({ network, layout, view, heights, highest, selected, pick, setEnd }: Keys): (event: KeyboardEvent) => void {
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    if (wanted.current === null) return;
    const element = document.querySelector<SVGElement>(`[data-block="${wanted.current}"]`);
    if (element === null) return;
    wanted.current = null;
    element.focus();
  });
  const goTo = (block: Block | undefined) => {
    if (block === undefined) return;
    wanted.current = block.hash;
    pick(block.hash);
    if (block.number < view.from) setEnd(Math.max(heights - 1, block.number + Math.floor(heights / 2)));
    else if (block.number > view.to) setEnd(block.number >= highest ? null : Math.min(highest, block.number + Math.floor(heights / 2)));
    else setEnd(view.to >= highest ? null : view.to);
  };
  const page = (by: number) => {
    const next = view.to + by;
    setEnd(next >= highest ? null : Math.max(heights - 1, next));
  };
  return (event) => {
    const block = selected?.block ?? network.chain.top ?? undefined;
    const isHandled = ((): boolean => {
      switch (event.key) {
        case 'ArrowLeft':
          goTo(block && network.chain.get(block.parent));
          return true;
        case 'ArrowRight':
          goTo(block && childOf(layout, block));
          return true;
        case 'ArrowUp':
        case 'ArrowDown':
          goTo(besides(layout, block, event.key === 'ArrowUp' ? -1 : 1));
          return true;
        case 'PageUp':
        case 'PageDown':
          page(event.key === 'PageUp' ? -heights + 4 : heights - 4);
          return true;
        case 'Home':
          goTo(network.chain.mainAt(view.from));
          return true;
        case 'End':
          setEnd(null);
          goTo(network.chain.top ?? undefined);
          return true;
        case 'Enter':
          if (block !== undefined) location.hash = hrefs.block(block.hash);
          return true;
        case 'Escape':
          pick(null);
          setEnd(null);
          return true;
        default:
          return false;
      }
    })();
    if (isHandled) event.preventDefault();
  };
}

/** A child on its own lane first, so that going right follows a branch to its end. */
function childOf({ cells }: TreeLayout, block: Block): Block | undefined {
  const children = cells.filter((cell) => cell.block.parent === block.hash);
  const lane = cells.find((cell) => cell.block.hash === block.hash)?.lane;
  return (children.find((cell) => cell.lane === lane) ?? children[0])?.block;
}

/** The block of the same height on the next lane up or down. */
function besides({ cells }: TreeLayout, block: Block | undefined, by: number): Block | undefined {
  const level = cells.filter((cell) => cell.block.number === block?.number).sort((a, b) => a.lane - b.lane);
  const place = level.findIndex((cell) => cell.block.hash === block?.hash);
  return level[place + by]?.block;
}
