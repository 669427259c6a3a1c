/** One block: what its header says, who has it on their chain, and its transactions. */
import { useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import { useAnswer, useNetwork } from '../data/use.ts';
import { type Block, parseHeader } from '../model/block.ts';
import { bigOf, type Fields, fieldsOf, isHash, listOf, numberOf, textOf } from '../model/decode.ts';
import { byteLength, count, ether, gwei, instant, percent, plural, span } from '../model/format.ts';
import { hrefs } from '../model/route.ts';
import { wordsIn } from '../model/text.ts';
import { AccountLink, Answered, BlockLink, Copyable, Empty, Facts, Pager, Panel, TransactionLink } from '../parts/basics.tsx';
import { useNow } from '../parts/use-now.ts';

const PAGE_TRANSACTIONS = 25;

export function BlockView({ id }: { readonly id: string }) {
  const network = useNetwork();
  const asked = network.asked();
  const answer = useAnswer(`${id} ${asked?.index}`, async () => {
    const block = await (isHash(id)
      ? network.call('eth_getBlockByHash', [id, true])
      : network.call('eth_getBlockByNumber', [/^\d+$/.test(id) ? `0x${Number(id).toString(16)}` : id, true]));
    return { block: fieldsOf(block), header: parseHeader(block) };
  });
  return (
    <Answered answer={answer} what={`block ${id}`}>
      {({ block, header }) =>
        header === null ? (
          <Empty>
            {asked === null ? 'The node' : `Node ${asked.index}`} has no such block.{' '}
            {isHash(id) ? 'Another node may: choose it above.' : 'It may not have been made yet.'}
          </Empty>
        ) : (
          <Whole network={network} block={block} header={header} />
        )
      }
    </Answered>
  );
}

interface WholeProps {
  readonly network: Network;
  readonly block: Fields;
  readonly header: Block;
}

function Whole({ network, block, header }: WholeProps) {
  const transactions = listOf(block.transactions).map(fieldsOf);
  return (
    <>
      <div class="title">
        <h1>Block {count(header.number)}</h1>
        <State network={network} header={header} />
        <nav class="pager" aria-label="Neighbours">
          {header.number > 0 ? <a href={hrefs.block(header.parent)}>← Parent</a> : <span class="quiet">genesis</span>}
          <a href={hrefs.block(header.number + 1)}>Next →</a>
        </nav>
      </div>
      <Header network={network} block={block} header={header} />
      <Transactions list={transactions} />
    </>
  );
}

/** Final, safe or not, by the nodes on whose chain it is. */
function State({ network, header }: { readonly network: Network; readonly header: Block }) {
  const tips = network.tips();
  const holders = tips.filter(({ head }) => network.chain.get(header.hash) !== undefined && network.chain.holds(head, header));
  if (network.chain.get(header.hash) === undefined) return null;
  const finals = holders.filter(({ finalized }) => header.number <= finalized).length;
  const word =
    holders.length === 0
      ? 'left behind'
      : finals > 0
        ? 'final'
        : holders.some(({ safe }) => header.number <= safe)
          ? 'safe'
          : 'not yet final';
  const who =
    holders.length === tips.length
      ? tips.length > 1
        ? 'on every node’s chain'
        : ''
      : holders.length === 0
        ? 'on no node’s chain'
        : `only on the chain of ${plural(holders.length, 'node')}: ${holders.map(({ node }) => node).join(', ')}`;
  return (
    <>
      <span class={`badge ${finals > 0 ? 'good' : holders.length === 0 ? 'bad' : ''}`}>{word}</span>
      <span class="quiet">{who}</span>
    </>
  );
}

function Header({ network, block, header }: WholeProps) {
  const now = useNow();
  const extra = textOf(block.extraData);
  const words = wordsIn(extra);
  const uncle = network.chain.get(header.parent);
  const gap = uncle === undefined || uncle.number === 0 ? '' : `, ${span(header.time - uncle.time)} after its parent`;
  return (
    <Panel title="Header">
      <Facts
        rows={[
          ['Hash', <Copyable text={header.hash} />],
          ['Parent', <BlockLink id={header.parent} label={header.parent} />],
          ['Time', `${instant(header.time)}, ${span(now - header.time)} ago${gap}`],
          ['Made by', <AccountLink address={header.miner} whole />],
          [
            'Gas used',
            `${count(header.gasUsed)} of ${count(header.gasLimit)} (${percent(header.gasLimit === 0 ? 0 : header.gasUsed / header.gasLimit, 1)})`,
          ],
          ['Base fee', gwei(bigOf(block.baseFeePerGas), 9)],
          header.difficulty > 0 ? ['Difficulty', count(header.difficulty)] : null,
          ['Size', `${count(numberOf(block.size))} bytes`],
          ['Extra data', extra === '0x' ? <span class="quiet">none</span> : <ExtraData extra={extra} words={words} />],
          ['State root', <code>{textOf(block.stateRoot)}</code>],
          ['Transactions root', <code>{textOf(block.transactionsRoot)}</code>],
          ['Receipts root', <code>{textOf(block.receiptsRoot)}</code>],
          ['Mix hash', <code>{textOf(block.mixHash)}</code>],
          ['Nonce', <code>{textOf(block.nonce)}</code>],
        ]}
      />
    </Panel>
  );
}

function ExtraData({ extra, words }: { readonly extra: string; readonly words: string | null }) {
  return (
    <>
      <code>{extra}</code> <span class="quiet">{plural(byteLength(extra), 'byte')}</span>
      {words !== null && <bdi class="words">“{words}”</bdi>}
    </>
  );
}

function Transactions({ list }: { readonly list: readonly Fields[] }) {
  const [page, setPage] = useState(0);
  const pages = Math.ceil(list.length / PAGE_TRANSACTIONS);
  const at = Math.min(page, Math.max(0, pages - 1));
  return (
    <Panel title={plural(list.length, 'transaction')} aside={<Pager page={at} pages={pages} go={setPage} />}>
      {list.length === 0 ? (
        <Empty>This block is empty: nobody sent anything in time for it.</Empty>
      ) : (
        <TransactionTable list={list.slice(at * PAGE_TRANSACTIONS, (at + 1) * PAGE_TRANSACTIONS)} />
      )}
    </Panel>
  );
}

/** Also used for accounts and the pool. */
export function TransactionTable({ list, of }: { readonly list: readonly Fields[]; readonly of?: string }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">Transaction</th>
          {of !== undefined && <th scope="col">Block</th>}
          <th scope="col">From</th>
          <th scope="col">To</th>
          <th scope="col" class="number">
            Value
          </th>
          <th scope="col" class="number wide">
            Nonce
          </th>
          <th scope="col" class="wide">
            Input
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map((transaction) => (
          <tr key={textOf(transaction.hash)}>
            <td>
              <TransactionLink hash={textOf(transaction.hash)} />
            </td>
            {of !== undefined && (
              <td>
                <BlockLink id={numberOf(transaction.blockNumber)} />
              </td>
            )}
            <td>
              {textOf(transaction.from).toLowerCase() === of ? (
                <span class="quiet">this</span>
              ) : (
                <AccountLink address={textOf(transaction.from)} />
              )}
            </td>
            <td>
              {transaction.to === null ? (
                <span class="quiet">creates a contract</span>
              ) : textOf(transaction.to).toLowerCase() === of ? (
                <span class="quiet">this</span>
              ) : (
                <AccountLink address={textOf(transaction.to)} />
              )}
            </td>
            <td class="number">{ether(bigOf(transaction.value), 4)}</td>
            <td class="number wide">{count(numberOf(transaction.nonce))}</td>
            <td class="wide">{inputWords(textOf(transaction.input))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function inputWords(input: string) {
  if (input === '0x' || input === '') return <span class="quiet">none</span>;
  return (
    <>
      <code>{input.slice(0, 10)}</code> <span class="quiet">{plural(byteLength(input), 'byte')}</span>
    </>
  );
}
