/** The network in one line of figures. */
import type { Network } from '../data/network.ts';
import { count, decimal, metric, span, transactionRate } from '../model/format.ts';
import { engineName } from '../model/role.ts';
import { hashRates, transactionRates } from '../model/series.ts';
import { BlockLink } from './basics.tsx';
import { useNow } from './use-now.ts';

export function Summary({ network }: { readonly network: Network }) {
  const now = useNow();
  const { nodes, chain } = network;
  const answering = nodes.filter(({ link }) => link === 'live' || link === 'polling');
  const statuses = answering.flatMap(({ status }) => status ?? []);
  const status = statuses[0];
  const top = chain.top;
  if (status === undefined || top === null) return null;
  const finalNumber = Math.max(...statuses.map(({ finalized }) => finalized.number));
  const heads = new Set(network.tips().map(({ head }) => head)).size;
  const recent = network.mainBlocks(33);
  // The newest blocks are counted a moment later.
  const rate = transactionRates(recent)[1]?.findLast((value) => value !== null) ?? null;
  const hashes = hashRates(recent)[1]?.at(-1) ?? null;
  return (
    <dl class="summary">
      <Figure name="engine" value={engineName(status.engine)} note={`chain ${status.chainId}`} />
      <Figure
        name="head"
        value={<BlockLink id={top.number} />}
        note={`${span(now - top.time)} ago${heads > 1 ? `, ${heads} heads` : ''}`}
        tone={heads > 2 ? 'warning' : ''}
      />
      <Figure
        name="final"
        value={<BlockLink id={finalNumber} />}
        note={
          network.feed.isStalled
            ? `stands since ${span(now - network.feed.finalSince / 1_000)}`
            : `${count(Math.max(0, top.number - finalNumber))} behind`
        }
        tone={network.feed.isStalled ? 'bad' : ''}
      />
      <Figure name="block time" value={network.blockTime() === 0 ? '—' : `${decimal(network.blockTime(), 2)} s`} note="mean of 32" />
      {status.engine === 'pow' ? (
        <Figure name="hash rate" value={hashes === null ? '—' : metric(hashes, 'H/s')} note="from difficulty" />
      ) : (
        <Figure name="throughput" value={rate === null ? '—' : transactionRate(rate)} note="mean of 16 blocks" />
      )}
      <Figure
        name="nodes"
        value={`${answering.length} of ${nodes.length}`}
        note={nodes.length === 1 ? 'this one' : 'answer'}
        tone={answering.length < nodes.length ? 'bad' : ''}
      />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: preact.ComponentChildren;
  readonly note: string;
  readonly tone?: string;
}

function Figure({ name, value, note, tone = '' }: FigureProps) {
  return (
    <div class={tone}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <small>{note}</small>
      </dd>
    </div>
  );
}
