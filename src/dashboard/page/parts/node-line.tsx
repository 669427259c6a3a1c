/** One node's own view below the tree, on the same scale of heights: how far its blocks are final, safe, and where its head is. */
import type { Network } from '../data/network.ts';
import type { NodeView } from '../model/node.ts';
import type { TreeLayout } from '../model/tree-layout.ts';
import { LABELS, ROW, type Scale, type Window } from './tree-geometry.ts';

/** The lane on which a node's head is drawn; null where its branch found none, or is out of sight. */
export function laneOf({ cells }: TreeLayout, network: Network, { head }: NodeView): number | null {
  const lane = cells.find(({ block }) => block.hash === head?.hash)?.lane;
  if (lane !== undefined) return lane;
  const block = head === null ? undefined : network.chain.get(head.hash);
  return block !== undefined && network.chain.isMain(block) ? 0 : null;
}

interface LineProps {
  readonly node: NodeView;
  readonly y: number;
  readonly view: Window;
  readonly x: Scale;
  readonly step: number;
  readonly labels: number;
  /** Where its line ends. */
  readonly end: number;
  readonly lane: number | null;
  /** The height at which the node's branch leaves the main chain; its head's where it does not. */
  readonly fork: number;
}

export function NodeLine({ node, y, view, x, step, labels, end, lane, fork }: LineProps) {
  const { status, head, index, link } = node;
  const isDown = link === 'down' || status === null || head === null;
  const middle = y + ROW / 2;
  const start = x(view.from) - step / 2;
  /** Where a height is, kept inside of what is shown. */
  const at = (number: number) => Math.max(start, Math.min(end, x(number)));
  /** In the main chain's colour up to the fork, then in the branch's. */
  const line = (name: string, to: number) => (
    <>
      <line class={`${name} branch-0`} x1={start} x2={at(Math.min(to, fork))} y1={middle} y2={middle} />
      {to > fork && <line class={`${name} branch-${lane ?? 'hidden'}`} x1={at(fork)} x2={at(to)} y1={middle} y2={middle} />}
    </>
  );
  const words = isDown ? 'does not answer' : `final ${status.finalized.number}, safe ${status.safe.number}, head ${head.number}`;
  return (
    <g class={`node-line${isDown ? ' is-down' : ''}`} role="img" aria-label={`Node ${index}: ${words}`}>
      <text x={labels} y={middle + 4}>
        {labels < LABELS ? index : `node ${index}`}
      </text>
      <line class="track" x1={start} x2={end} y1={middle} y2={middle} />
      {!isDown && (
        <>
          {line('to-head', head.number)}
          {line('to-safe', status.safe.number)}
          {line('to-final', status.finalized.number)}
          {head.number >= view.from && head.number <= view.to && (
            <circle class={`head-mark branch-${lane ?? 'hidden'}`} cx={x(head.number)} cy={middle} r={5} />
          )}
        </>
      )}
      {isDown && (
        <text class="down-words" x={start + 8} y={middle + 4}>
          {node.process !== null && node.process !== 'up' ? node.process : link === 'connecting' ? 'connecting' : 'no answer'}
        </text>
      )}
    </g>
  );
}

/** Where a node's branch leaves the main chain. */
export function forkOf({ chain }: Network, { head }: NodeView): number {
  if (head === null || chain.top === null) return 0;
  return chain.fork(head.hash, chain.top.hash)?.ancestor.number ?? head.number;
}
