/** The blocks of a node's chain, the newest first, a page at a time. */
import { useEffect, useState } from 'preact/hooks';
import { sentenceOf } from '../data/failure.ts';
import { useNetwork } from '../data/use.ts';
import type { Block } from '../model/block.ts';
import { count, gasPrice, percent, span } from '../model/format.ts';
import { hrefs } from '../model/route.ts';
import { AccountLink, BlockLink, Empty, Meter, Panel, Problem } from '../parts/basics.tsx';
import { useNow } from '../parts/use-now.ts';

const PAGE_BLOCKS = 25;

export function BlocksView({ from }: { readonly from: number | null }) {
  const network = useNetwork();
  const now = useNow();
  const [problem, setProblem] = useState('');
  const asked = network.asked();
  const head = asked?.head?.number ?? network.chain.top?.number ?? null;
  const top = head === null ? 0 : Math.min(from ?? head, head);
  const bottom = Math.max(0, top - PAGE_BLOCKS + 1);
  const heights = Array.from({ length: top - bottom + 1 }, (_, place) => top - place);
  const isMissing = head !== null && heights.some((height) => network.blockAt(height) === undefined);
  useEffect(() => {
    setProblem('');
    if (isMissing) network.fetchBlocks(bottom, top).catch((error: unknown) => setProblem(sentenceOf(error)));
  }, [isMissing, bottom, asked?.index]);
  if (head === null) return <Empty>No block is known yet.</Empty>;
  return (
    <Panel
      title="Blocks"
      aside={
        <>
          <span class="quiet">
            {count(top)} to {count(bottom)} of {count(head)}
            {asked !== null && network.nodes.length > 1 ? `, as node ${asked.index} has them` : ''}
          </span>
          <PageLinks top={top} bottom={bottom} head={head} />
        </>
      }
    >
      {problem !== '' && <Problem sentence={problem} />}
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Height</th>
            <th scope="col">Hash</th>
            <th scope="col" class="number">
              Age
            </th>
            <th scope="col" class="number wide">
              After
            </th>
            <th scope="col" class="number">
              Transactions
            </th>
            <th scope="col" class="wide">
              Gas used
            </th>
            <th scope="col" class="number wide">
              Base fee
            </th>
            <th scope="col" class="wide">
              By
            </th>
          </tr>
        </thead>
        <tbody>
          {heights.map((height) => (
            <Row key={height} height={height} block={network.blockAt(height)} parent={network.blockAt(height - 1)} now={now} />
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function PageLinks({ top, bottom, head }: { readonly top: number; readonly bottom: number; readonly head: number }) {
  const newer = top + PAGE_BLOCKS;
  return (
    <nav class="pager" aria-label="Pages of blocks">
      {top < head ? <a href={newer >= head ? hrefs.blocks : hrefs.blocksFrom(newer)}>← Newer</a> : <span class="quiet">← Newer</span>}
      {bottom > 0 ? <a href={hrefs.blocksFrom(bottom - 1)}>Older →</a> : <span class="quiet">Older →</span>}
    </nav>
  );
}

interface RowProps {
  readonly height: number;
  readonly block: Block | undefined;
  readonly parent: Block | undefined;
  readonly now: number;
}

function Row({ height, block, parent, now }: RowProps) {
  if (block === undefined) {
    return (
      <tr class="quiet">
        <td>{count(height)}</td>
        <td colSpan={7}>…</td>
      </tr>
    );
  }
  const share = block.gasLimit > 0 ? block.gasUsed / block.gasLimit : 0;
  return (
    <tr>
      <td>
        <BlockLink id={height} />
      </td>
      <td>
        <BlockLink id={block.hash} />
      </td>
      <td class="number">{span(now - block.time)}</td>
      <td class="number wide">{parent === undefined || parent.number === 0 ? '' : span(block.time - parent.time)}</td>
      <td class="number">{block.transactions === null ? '·' : count(block.transactions)}</td>
      <td class="wide">
        <span class="gas">
          <Meter share={share} label={`${percent(share, 1)} of the gas limit`} />
          {count(block.gasUsed)}
        </span>
      </td>
      <td class="number wide">{gasPrice(block.baseFee)}</td>
      <td class="wide">
        <AccountLink address={block.miner} />
      </td>
    </tr>
  );
}
