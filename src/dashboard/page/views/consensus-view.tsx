/** How the nodes agree: stake and votes, members and leaders, or miners and their shares. */

import type { Network } from '../data/network.ts';
import { useNetwork } from '../data/use.ts';
import { count, metric, percent, plural, short } from '../model/format.ts';
import { engineName, roleOf } from '../model/role.ts';
import { plain } from '../model/text.ts';
import { AccountLink, Empty, Meter, Panel } from '../parts/basics.tsx';
import { StateTree } from '../parts/state-tree.tsx';
import { MembersPanels } from './members-view.tsx';
import { StakePanels } from './stake-view.tsx';

export function ConsensusView() {
  const network = useNetwork();
  const asked = network.asked();
  const status = asked?.status ?? null;
  if (asked === null || status === null) return <Empty>No node answers, so nobody can say how the nodes agree.</Empty>;
  const { engine } = status;
  return (
    <>
      <div class="title">
        <h1>{engineName(engine)}</h1>
        <span class="quiet">{network.nodes.length > 1 ? `as node ${asked.index} sees it` : ''}</span>
      </div>
      {engine === 'pos' && <StakePanels network={network} />}
      {engine === 'pow' && <Miners network={network} />}
      {engine !== 'pos' && engine !== 'pow' && engine !== 'replay' && <MembersPanels network={network} asked={asked} />}
      <Makers network={network} />
      <Panel title="State of the engine" aside={<span class="quiet">its own words, of node {asked.index}</span>}>
        <StateTree value={status.consensus} />
      </Panel>
    </>
  );
}

function Miners({ network }: { readonly network: Network }) {
  return (
    <Panel title="Miners">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Node</th>
            <th scope="col">Works</th>
            <th scope="col" class="number">
              Hash rate
            </th>
            <th scope="col" class="number">
              Found
            </th>
            <th scope="col" class="number">
              Given up
            </th>
            <th scope="col">Rewards go to</th>
          </tr>
        </thead>
        <tbody>
          {network.nodes.map(({ index, status }) => {
            const mining = status?.mining ?? null;
            return (
              <tr key={index}>
                <td>node {index}</td>
                <td>{status === null ? 'no answer' : plain(roleOf(status).work)}</td>
                <td class="number">{mining?.isOn === true ? metric(mining.hashesPerSecond, 'H/s') : '—'}</td>
                <td class="number">{mining === null ? '—' : count(mining.sealed)}</td>
                <td class="number">{mining === null ? '—' : count(mining.abandoned)}</td>
                <td>{mining === null ? '—' : <AccountLink address={mining.beneficiary} />}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
  );
}

const COUNTED_BLOCKS = 256;
const MAX_MAKERS = 16;

/** By the account that a block's fees went to: what any engine has. */
function Makers({ network }: { readonly network: Network }) {
  const blocks = network.mainBlocks(COUNTED_BLOCKS).filter(({ number }) => number > 0);
  const counts = new Map<string, number>();
  for (const { miner } of blocks) counts.set(miner, (counts.get(miner) ?? 0) + 1);
  const makers = [...counts].sort((a, b) => b[1] - a[1]);
  return (
    <Panel title="Who made the last blocks" aside={<span class="quiet">{plural(blocks.length, 'block')}, by where their fees went</span>}>
      {makers.length === 0 ? (
        <Empty>No block is known yet.</Empty>
      ) : (
        <table class="table makers">
          <tbody>
            {makers.slice(0, MAX_MAKERS).map(([miner, made]) => (
              <tr key={miner}>
                <td>
                  {/^0x0+$/.test(miner) ? (
                    <span class="quiet" title={miner}>
                      the zero address ({short(miner)})
                    </span>
                  ) : (
                    <AccountLink address={miner} />
                  )}
                </td>
                <td class="number">{count(made)}</td>
                <td class="number">{percent(made / blocks.length)}</td>
                <td class="bar">
                  <Meter share={made / blocks.length} label={percent(made / blocks.length)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
