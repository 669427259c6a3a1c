/** Members who know each other: what each node says of itself, and what the leader knows of the others. */
import type { Network } from '../data/network.ts';
import { type Fields, fieldsOf, listOf, textOf } from '../model/decode.ts';
import { count, short } from '../model/format.ts';
import type { NodeView } from '../model/node.ts';
import { roleOf } from '../model/role.ts';
import { plain } from '../model/text.ts';
import { Empty, Panel } from '../parts/basics.tsx';

export function MembersPanels({ network, asked }: { readonly network: Network; readonly asked: NodeView }) {
  const leading = network.nodes.find(({ status }) => status !== null && roleOf(status).leads);
  const source = leading ?? asked;
  const followers = listOf(source.status?.consensus.followers).map(fieldsOf);
  return (
    <>
      <Panel title="Nodes">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Role</th>
              <th scope="col">Round</th>
              <th scope="col">Follows</th>
              <th scope="col" class="number">
                Head
              </th>
              <th scope="col" class="number">
                Final
              </th>
              <th scope="col" class="wide">
                Peer id
              </th>
            </tr>
          </thead>
          <tbody>
            {network.nodes.map((node) => (
              <NodeRow key={node.index} node={node} network={network} />
            ))}
          </tbody>
        </table>
      </Panel>
      <Panel
        title="Progress of members"
        aside={
          <span class="quiet">as {leading === undefined ? `node ${asked.index}` : `node ${leading.index}, which leads,`} knows it</span>
        }
      >
        {followers.length === 0 ? (
          <Empty>Only who leads keeps count of the others, and no node that answers leads.</Empty>
        ) : (
          <Progress followers={followers} network={network} />
        )}
      </Panel>
    </>
  );
}

function NodeRow({ node, network }: { readonly node: NodeView; readonly network: Network }) {
  const { index, status, link } = node;
  if (status === null || link === 'down') {
    return (
      <tr class="quiet">
        <td>node {index}</td>
        <td colSpan={6}>no answer</td>
      </tr>
    );
  }
  const role = roleOf(status);
  return (
    <tr class={role.leads ? 'ours' : ''}>
      <td>node {index}</td>
      <td>{role.leads ? <b>{plain(role.work)}</b> : plain(role.work)}</td>
      <td>{role.round}</td>
      <td>{role.leads ? 'itself' : role.leader === null ? 'nobody' : memberName(role.leader, network)}</td>
      <td class="number">{count(node.head?.number ?? status.head.number)}</td>
      <td class="number">{count(status.finalized.number)}</td>
      <td class="wide">
        <code title={status.peerId}>{short(status.peerId, 8)}</code>
      </td>
    </tr>
  );
}

function memberName(peerId: string, network: Network): string {
  const node = network.nodes.find(({ status }) => status?.peerId === peerId);
  return node === undefined ? plain(short(peerId, 6)) : `node ${node.index}`;
}

const MAX_ROWS = 64;

function Progress({ followers, network }: { readonly followers: readonly Fields[]; readonly network: Network }) {
  const names = [...new Set(followers.flatMap((follower) => Object.keys(follower)))]
    .filter((name) => name !== 'node' && name !== 'member')
    .slice(0, 8);
  return (
    <table class="table fit">
      <thead>
        <tr>
          <th scope="col">Member</th>
          {names.map((name) => (
            <th scope="col" key={name} class="number">
              {plain(name)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {followers.slice(0, MAX_ROWS).map((follower, place) => (
          <tr key={place}>
            <td>{memberName(textOf(follower.node) || textOf(follower.member) || `member ${place}`, network)}</td>
            {names.map((name) => (
              <td key={name} class="number">
                {cell(follower[name])}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function cell(value: unknown): string {
  if (typeof value === 'number') return count(value);
  if (value === null || value === undefined) return '—';
  return plain(short(typeof value === 'string' ? value : JSON.stringify(value), 8));
}
