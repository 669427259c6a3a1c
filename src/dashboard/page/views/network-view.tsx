/** The first view: tree, nodes, faults, and what happened. */
import { useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import { useNetwork } from '../data/use.ts';
import { Empty, Panel } from '../parts/basics.tsx';
import { FaultBar } from '../parts/fault-bar.tsx';
import { FeedList } from '../parts/feed-list.tsx';
import { NodeCard } from '../parts/node-card.tsx';
import { Summary } from '../parts/summary.tsx';
import { Tree } from '../parts/tree.tsx';
import { useCommands } from '../parts/use-commands.ts';

export function NetworkView() {
  const network = useNetwork();
  const commands = useCommands(network);
  /** The side of each node while a partition is put together; null otherwise. */
  const [sides, setSides] = useState<readonly number[] | null>(null);
  const { nodes, chain } = network;
  const count = sides === null ? 0 : Math.min(nodes.length, Math.max(2, Math.max(...sides) + 2));
  return (
    <>
      <Summary network={network} />
      <Panel
        title="Blocks and views"
        aside={<span class="quiet">{nodes.length === 1 ? 'one node’s view' : 'branches above, each node’s own view below'}</span>}
      >
        {chain.top === null ? <Waiting network={network} /> : <Tree network={network} />}
      </Panel>
      <div class="two-columns">
        <Panel title={nodes.length === 1 ? 'Node' : 'Nodes'}>
          <FaultBar network={network} commands={commands} sides={sides} setSides={setSides} />
          <div class="cards">
            {nodes.map((node, place) => (
              <NodeCard
                key={node.index}
                node={node}
                network={network}
                commands={commands}
                side={
                  sides === null
                    ? null
                    : {
                        value: sides[place] ?? 0,
                        sides: count,
                        choose: (side) => setSides(sides.map((old, at) => (at === place ? side : old))),
                      }
                }
              />
            ))}
          </div>
        </Panel>
        <Panel title="What happened">
          <FeedList items={network.feed.items} />
        </Panel>
      </div>
    </>
  );
}

function Waiting({ network }: { readonly network: Network }) {
  const isAnyUp = network.nodes.some(({ link }) => link !== 'down');
  return (
    <Empty>
      {isAnyUp ? 'Waiting for the first block.' : 'No node answers. The page goes on asking; start the network, or a node of it.'}
    </Empty>
  );
}
