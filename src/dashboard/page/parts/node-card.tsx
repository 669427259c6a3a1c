/** One node at a glance, and what can be done to it on a test network. */
import type { Network } from '../data/network.ts';
import { count, plural, short, span } from '../model/format.ts';
import type { NodeView } from '../model/node.ts';
import { roleOf } from '../model/role.ts';
import { plain } from '../model/text.ts';
import { BlockLink } from './basics.tsx';
import { NodeCommands } from './node-commands.tsx';
import type { Commands } from './use-commands.ts';

interface CardProps {
  readonly node: NodeView;
  readonly network: Network;
  readonly commands: Commands;
  /** While sides of a partition are chosen: the one of this node, and how to change it. */
  readonly side: { readonly value: number; readonly sides: number; readonly choose: (side: number) => void } | null;
}

const LINK_WORDS = { live: 'live', polling: 'asked every 2 s', connecting: 'connecting', down: 'no answer' } as const;

export function NodeCard({ node, network, commands, side }: CardProps) {
  const { index, status, link, process } = node;
  const state = process !== null && process !== 'up' ? process : LINK_WORDS[link];
  const isUp = link === 'live' || link === 'polling';
  return (
    <article class={`card${isUp ? '' : ' is-down'}`} aria-label={`Node ${index}`} data-node={index}>
      <header>
        <h3>
          <span class={`dot ${isUp ? 'good' : link === 'connecting' ? 'wait' : 'bad'}`} aria-hidden="true" />
          Node {index}
        </h3>
        {node.side !== null && <span class="badge warning">side {sideName(node.side)}</span>}
        {/* Of one that does not answer, its last word is old. */}
        {isUp && node.side === null && status?.isPartitioned === true && <span class="badge warning">cut off</span>}
        <span class="card-state">{plain(state)}</span>
      </header>
      {status === null ? (
        <p class="quiet card-silent">
          {isUp ? 'It has said nothing yet.' : `Nothing is known of it${node.url === null ? ': it is not running' : ''}.`}
        </p>
      ) : (
        <CardFacts node={node} status={status} network={network} isUp={isUp} />
      )}
      {node.faults.length > 0 && (
        <p class="faults">
          {node.faults.map((fault) => (
            <span key={fault} class="badge warning">
              {plain(fault)}
            </span>
          ))}
        </p>
      )}
      {side !== null && <SideChoice index={index} {...side} />}
      {side === null && commands.canCommand && <NodeCommands node={node} commands={commands} />}
    </article>
  );
}

interface FactsProps {
  readonly node: NodeView;
  readonly status: NonNullable<NodeView['status']>;
  readonly network: Network;
  readonly isUp: boolean;
}

function CardFacts({ node, status, network, isUp }: FactsProps) {
  const role = roleOf(status);
  const head = node.head ?? status.head;
  const leader = role.leader === null ? null : network.nodes.find((other) => other.status?.peerId === role.leader);
  return (
    <dl class={isUp ? '' : 'stale'}>
      <div>
        <dt>head</dt>
        <dd>
          <BlockLink id={head.number} /> <BlockLink id={head.hash} label={short(head.hash, 3)} />
        </dd>
      </div>
      <div>
        <dt>final</dt>
        <dd>
          <BlockLink id={status.finalized.number} /> <span class="quiet">−{count(Math.max(0, head.number - status.finalized.number))}</span>
        </dd>
      </div>
      <div>
        <dt>work</dt>
        <dd>{plain(role.leads ? `${role.work}, leads` : role.work)}</dd>
      </div>
      {role.round !== '' && (
        <div>
          <dt>round</dt>
          <dd>
            {role.round}
            {role.leader !== null && !role.leads && <span class="quiet"> of {leader ? `node ${leader.index}` : short(role.leader)}</span>}
          </dd>
        </div>
      )}
      <div>
        <dt>peers</dt>
        <dd>
          {status.peers}
          {status.syncState !== '' && status.syncState !== 'idle' && <span class="quiet">, sync {plain(status.syncState)}</span>}
        </dd>
      </div>
      <div>
        <dt>pool</dt>
        <dd>{plural(status.pending + status.queued, 'transaction')}</dd>
      </div>
      <div>
        <dt>reorgs</dt>
        <dd>{status.reorgs === 0 ? 'none' : `${count(status.reorgs)}, the deepest ${count(status.deepestReorg)}`}</dd>
      </div>
      <div>
        <dt>up for</dt>
        <dd>{isUp ? span(status.uptimeSeconds) : '—'}</dd>
      </div>
    </dl>
  );
}

export function sideName(side: number): string {
  return String.fromCharCode(65 + (side % 26));
}

function SideChoice({
  index,
  value,
  sides,
  choose,
}: {
  readonly index: number;
  readonly value: number;
  readonly sides: number;
  readonly choose: (side: number) => void;
}) {
  return (
    <fieldset class="sides">
      <legend>Side of node {index}</legend>
      {Array.from({ length: sides }, (_, side) => (
        <label key={side}>
          <input type="radio" name={`side-${index}`} checked={value === side} onChange={() => choose(side)} />
          {sideName(side)}
        </label>
      ))}
    </fieldset>
  );
}
