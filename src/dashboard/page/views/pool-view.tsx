/** What waits to be mined at the node that is asked, by sender and nonce. */
import { useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import { useAnswer, useNetwork } from '../data/use.ts';
import { bigOf, type Fields, fieldsOf, numberOf, textOf } from '../model/decode.ts';
import { count, ether, gwei, plural } from '../model/format.ts';
import { AccountLink, Answered, Empty, Pager, Panel, TransactionLink } from '../parts/basics.tsx';

const REPEAT_MS = 3_000;
const PAGE_TRANSACTIONS = 50;
/** The whole content of a fuller pool is fetched only on demand: each transaction takes half a kilobyte. */
const MANY = 1_000;

interface Waiting {
  readonly transaction: Fields;
  readonly isQueued: boolean;
}

interface Pool {
  readonly pending: number;
  readonly queued: number;
  /** Null where there are too many to fetch unasked. */
  readonly list: readonly Waiting[] | null;
}

export function PoolView() {
  const network = useNetwork();
  const [all, setAll] = useState(false);
  const [page, setPage] = useState(0);
  const asked = network.asked();
  // With very many, once: not every few seconds.
  const answer = useAnswer(`pool ${asked?.index} ${all}`, () => fetchPool(network, all), all ? 0 : REPEAT_MS);
  return (
    <Panel
      title="Mempool"
      aside={
        <span class="quiet">{asked === null || network.nodes.length === 1 ? '' : `of node ${asked.index}; each node has its own`}</span>
      }
    >
      <Answered answer={answer} what="the pool">
        {({ pending, queued, list }) => {
          const pages = Math.ceil((list?.length ?? 0) / PAGE_TRANSACTIONS);
          const at = Math.min(page, Math.max(0, pages - 1));
          return (
            <>
              <p class="row">
                <span>
                  <b>{count(pending)}</b> can be mined next
                </span>
                <span>
                  <b>{count(queued)}</b> wait for one before them
                </span>
                <Pager page={at} pages={pages} go={setPage} />
              </p>
              {list === null ? (
                <p class="notice">
                  {plural(pending + queued, 'transaction')} wait.{' '}
                  <button type="button" class="small" onClick={() => setAll(true)}>
                    Fetch them all
                  </button>
                </p>
              ) : list.length === 0 ? (
                <Empty>Nothing waits: the pool is empty.</Empty>
              ) : (
                <Rows list={list.slice(at * PAGE_TRANSACTIONS, (at + 1) * PAGE_TRANSACTIONS)} />
              )}
            </>
          );
        }}
      </Answered>
    </Panel>
  );
}

async function fetchPool(network: Network, all: boolean): Promise<Pool> {
  const status = fieldsOf(await network.call('txpool_status'));
  const [pending, queued] = [numberOf(status.pending), numberOf(status.queued)];
  if (pending + queued === 0) return { pending, queued, list: [] };
  if (pending + queued > MANY && !all) return { pending, queued, list: null };
  const content = fieldsOf(await network.call('txpool_content'));
  return { pending, queued, list: [...flatten(content.pending, false), ...flatten(content.queued, true)] };
}

function flatten(bySender: unknown, isQueued: boolean): readonly Waiting[] {
  return Object.values(fieldsOf(bySender)).flatMap((byNonce) =>
    Object.values(fieldsOf(byNonce)).map((transaction) => ({ transaction: fieldsOf(transaction), isQueued })),
  );
}

function Rows({ list }: { readonly list: readonly Waiting[] }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">Transaction</th>
          <th scope="col">From</th>
          <th scope="col" class="number">
            Nonce
          </th>
          <th scope="col">To</th>
          <th scope="col" class="number">
            Value
          </th>
          <th scope="col" class="number wide">
            Most per gas
          </th>
          <th scope="col" class="number wide">
            Gas
          </th>
          <th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        {list.map(({ transaction, isQueued }) => (
          <tr key={textOf(transaction.hash)}>
            <td>
              <TransactionLink hash={textOf(transaction.hash)} />
            </td>
            <td>
              <AccountLink address={textOf(transaction.from)} />
            </td>
            <td class="number">{count(numberOf(transaction.nonce))}</td>
            <td>
              {transaction.to === null ? <span class="quiet">creates a contract</span> : <AccountLink address={textOf(transaction.to)} />}
            </td>
            <td class="number">{ether(bigOf(transaction.value), 4)}</td>
            <td class="number wide">{gwei(bigOf(transaction.maxFeePerGas ?? transaction.gasPrice))}</td>
            <td class="number wide">{count(numberOf(transaction.gas))}</td>
            <td>{isQueued ? <span class="badge warning">queued</span> : <span class="badge">next</span>}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
