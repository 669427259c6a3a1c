/** Every key that the page knows. */
import type { RefObject } from 'preact';

const KEYS = [
  ['1 … 5', 'Network, Consensus, Blocks, Mempool, Charts'],
  ['/', 'search'],
  ['t', 'light, dark, or as the system has it'],
  ['?', 'this list'],
  ['Tab', 'from one thing to the next; once to the block tree'],
  ['← →', 'in the tree: to the parent, to a child'],
  ['↑ ↓', 'in the tree: to another branch at this height'],
  ['Page Up, Page Down', 'in the tree: look back, look on'],
  ['Home, End', 'in the tree: the oldest shown, the head'],
  ['Enter', 'in the tree: open the block'],
  ['Esc', 'in the tree: let go, and follow the head; while sides are chosen: cut nothing'],
] as const;

export function Help({ dialog }: { readonly dialog: RefObject<HTMLDialogElement | null> }) {
  return (
    <dialog ref={dialog} class="help" aria-label="Keys">
      <h2>Keys</h2>
      <dl class="facts">
        {KEYS.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
