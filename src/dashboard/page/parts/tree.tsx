/**
 * The block tree, and below it on the same scale of heights one line for each node: how far it holds blocks for final, for
 * safe, and where its head is. Colours are those of branches; how full a block is tells its state, so that nothing hangs
 * on colour alone. One block at a time can be reached by Tab; arrows go from block to block.
 */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import type { Block } from '../model/block.ts';
import { count, plural, span } from '../model/format.ts';
import { type BlockState, type Cell, layOut, type TreeLayout } from '../model/tree-layout.ts';
import { AccountLink, BlockLink } from './basics.tsx';
import { forkOf, laneOf, NodeLine } from './node-line.tsx';
import {
  LABEL_EVERY,
  LABELS,
  LANE,
  laneY,
  MAX_HEIGHTS,
  NARROW,
  NARROW_LABELS,
  ROW,
  type Scale,
  SIDE,
  STEP,
  TOP,
  type Window,
} from './tree-geometry.ts';
import { useNow } from './use-now.ts';
import { useTreeKeys } from './use-tree-keys.ts';
import { useWidth } from './use-width.ts';

export function Tree({ network }: { readonly network: Network }) {
  const [ref, width] = useWidth<HTMLDivElement>();
  /** The highest height shown; null follows the head. */
  const [end, setEnd] = useState<number | null>(null);
  const [picked, pick] = useState<string | null>(null);
  const { chain, nodes } = network;
  const highest = Math.max(0, chain.top?.number ?? 0, ...nodes.map(({ head }) => head?.number ?? 0));
  const labels = width < NARROW ? NARROW_LABELS : LABELS;
  const heights = Math.max(8, Math.min(MAX_HEIGHTS, Math.floor((width - labels - 2 * SIDE) / STEP)));
  const to = Math.min(highest, Math.max(end ?? highest, heights - 1));
  const view = { from: Math.max(0, to - heights + 1), to };
  const layout = layOut(chain, view.from, view.to, network.tips());
  const selected = layout.cells.find(({ block }) => block.hash === picked) ?? null;
  useMissing(network, view);
  const move = useTreeKeys({ network, layout, view, heights, highest, selected, pick, setEnd });
  const lanesTop = TOP + layout.lanes * LANE + 10;
  const height = lanesTop + nodes.length * ROW + 6;
  const step = (width - labels - 2 * SIDE) / heights;
  const x = (number: number) => labels + SIDE + (number - view.from + 0.5) * step;
  return (
    <div class="tree">
      <div ref={ref} class="tree-picture">
        <svg width={width} height={height} role="group" aria-label={`Block tree, heights ${view.from} to ${view.to}`} onKeyDown={move}>
          <Ruler view={view} x={x} bottom={height - 4} />
          <Edges layout={layout} x={x} step={step} />
          <Blocks layout={layout} x={x} step={step} selected={selected} highest={highest} pick={pick} />
          {nodes.map((node, row) => (
            <NodeLine
              key={node.index}
              node={node}
              y={lanesTop + row * ROW}
              view={view}
              x={x}
              step={step}
              labels={labels}
              end={width - SIDE}
              lane={laneOf(layout, network, node)}
              fork={forkOf(network, node)}
            />
          ))}
        </svg>
      </div>
      <Legend engine={nodes.find(({ status }) => status !== null)?.status?.engine ?? ''} hidden={layout.hidden} />
      <Inspection cell={selected} network={network} isFollowing={end === null} follow={() => setEnd(null)} />
    </div>
  );
}

/** Heights that one looks back at are fetched from a node, a windowful at a time. */
function useMissing(network: Network, { from, to }: Window): void {
  const asked = useRef('');
  useEffect(() => {
    const isMissing =
      network.chain.top !== null &&
      (network.chain.mainAt(from) === undefined || network.chain.mainAt(Math.max(from, to - 1)) === undefined);
    const key = `${from}-${to}`;
    if (!isMissing || asked.current === key || network.phase !== 'watching' || network.chain.size < 2) return;
    asked.current = key;
    void network.fetchBlocks(from - MAX_HEIGHTS, to).catch(() => undefined);
  });
}

function Ruler({ view, x, bottom }: { readonly view: Window; readonly x: Scale; readonly bottom: number }) {
  const every = view.to >= 100_000 ? 2 * LABEL_EVERY : LABEL_EVERY;
  const marks = [];
  for (let number = Math.ceil(view.from / every) * every; number <= view.to; number += every) marks.push(number);
  return (
    <g class="ruler" aria-hidden="true">
      {marks.map((number) => (
        <g key={number}>
          <line x1={x(number)} x2={x(number)} y1={16} y2={bottom} />
          <text x={x(number)} y={11}>
            {count(number)}
          </text>
        </g>
      ))}
    </g>
  );
}

function Edges({ layout, x, step }: { readonly layout: TreeLayout; readonly x: Scale; readonly step: number }) {
  return (
    <g class="edges" aria-hidden="true">
      {layout.cells.map(({ block, lane, parentLane, state }) => {
        const [right, y] = [x(block.number), laneY(lane)];
        const from = parentLane === null ? y : laneY(parentLane);
        const left = right - (parentLane === null ? step / 2 : step);
        const bend = left + step * 0.5;
        const path = from === y ? `M${left} ${y}H${right}` : `M${left} ${from}C${bend} ${from} ${bend} ${y} ${right} ${y}`;
        return <path key={block.hash} class={`edge ${state} branch-${lane}`} d={path} />;
      })}
    </g>
  );
}

interface BlocksProps {
  readonly layout: TreeLayout;
  readonly x: Scale;
  readonly step: number;
  readonly selected: Cell | null;
  readonly highest: number;
  readonly pick: (hash: string) => void;
}

const STATE_WORDS: { readonly [state in BlockState]: string } = {
  final: 'final',
  safe: 'safe',
  live: 'not yet final',
  left: 'left behind',
};

function Blocks({ layout, x, step, selected, pick }: BlocksProps) {
  const size = Math.min(14, step - 5);
  const entry = selected?.block.hash ?? layout.cells.find(({ lane }) => lane === 0)?.block.hash;
  return (
    <g class="blocks">
      {layout.cells.map(({ block, lane, state, nodes }) => {
        const label = `Block ${block.number}, ${STATE_WORDS[state]}${lane > 0 ? `, branch ${lane}` : ''}${nodes.length > 0 ? `, head of ${plural(nodes.length, 'node')}: ${nodes.join(', ')}` : ''}`;
        return (
          <g
            key={block.hash}
            class={`block ${state} branch-${lane}${selected?.block.hash === block.hash ? ' selected' : ''}`}
            transform={`translate(${x(block.number)} ${laneY(lane)})`}
            data-block={block.hash}
            role="button"
            tabIndex={block.hash === entry ? 0 : -1}
            aria-label={label}
            onClick={() => pick(block.hash)}
            onFocus={() => pick(block.hash)}
          >
            <rect class="target" x={-step / 2} y={-LANE / 2} width={step} height={LANE} />
            <rect class="shape" x={-size / 2} y={-size / 2} width={size} height={size} rx={3} />
            {state === 'safe' && <rect class="core" x={-size / 4} y={-size / 4} width={size / 2} height={size / 2} rx={1} />}
            {block.gasUsed > 0 && <circle class="busy" cy={-size / 2 - 4} r={1.8} />}
          </g>
        );
      })}
    </g>
  );
}

function Legend({ engine, hidden }: { readonly engine: string; readonly hidden: number }) {
  const sample = (state: BlockState) => (
    <svg width="14" height="14" aria-hidden="true">
      <g class={`block ${state} branch-0`} transform="translate(7 7)">
        <rect class="shape" x={-5.5} y={-5.5} width={11} height={11} rx={2.5} />
        {state === 'safe' && <rect class="core" x={-2.5} y={-2.5} width={5} height={5} rx={1} />}
      </g>
    </svg>
  );
  // Under proof-of-work both are a custom, not a proof.
  const byDepth = engine === 'pow' ? ' by depth' : '';
  return (
    <p class="legend">
      <span>
        {sample('final')} final{byDepth}
      </span>
      <span>
        {sample('safe')} {engine === 'pos' ? 'justified' : `safe${byDepth}`}
      </span>
      <span>{sample('live')} on a node’s chain</span>
      <span>{sample('left')} left behind</span>
      <span>
        <i class="busy-sample" aria-hidden="true" /> has transactions
      </span>
      {hidden > 0 && <span class="warning">{plural(hidden, 'more branch').replace('branchs', 'branches')} not drawn</span>}
    </p>
  );
}

interface InspectionProps {
  readonly cell: Cell | null;
  readonly network: Network;
  readonly isFollowing: boolean;
  readonly follow: () => void;
}

function Inspection({ cell, network, isFollowing, follow }: InspectionProps) {
  const now = useNow();
  const followers = useMemo(() => (cell === null ? [] : whoHas(network, cell.block)), [cell, network]);
  return (
    <div class="inspection" aria-live="off">
      {cell === null ? (
        <p class="quiet">Choose a block: by mouse, or Tab and the arrow keys. Enter opens it; Page Up and Page Down look back and forth.</p>
      ) : (
        <p>
          <strong>
            <BlockLink id={cell.block.hash} label={`Block ${count(cell.block.number)}`} />
          </strong>
          <span class={`state ${cell.state}`}>{STATE_WORDS[cell.state]}</span>
          <span>{span(now - cell.block.time)} ago</span>
          <span>{cell.block.transactions === null ? 'transactions not counted' : plural(cell.block.transactions, 'transaction')}</span>
          <span>
            by <AccountLink address={cell.block.miner} />
          </span>
          <span>{followers.length === 0 ? 'on no node’s chain' : `on the chain of ${nodeWords(followers, network.nodes.length)}`}</span>
        </p>
      )}
      {!isFollowing && (
        <button type="button" class="tiny" onClick={follow}>
          Follow the head
        </button>
      )}
    </div>
  );
}

function whoHas(network: Network, block: Block): readonly number[] {
  return network.tips().flatMap(({ node, head }) => (network.chain.holds(head, block) ? node : []));
}

function nodeWords(nodes: readonly number[], all: number): string {
  return nodes.length === all && all > 1 ? 'every node' : `${nodes.length === 1 ? 'node' : 'nodes'} ${nodes.join(', ')}`;
}
