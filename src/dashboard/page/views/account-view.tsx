/** An account or a contract: what it holds, who made it, what it sent and got; and reading calls of a contract. */
import { useState } from 'preact/hooks';
import { Failure, sentenceOf } from '../data/failure.ts';
import type { Network } from '../data/network.ts';
import { useAnswer, useNetwork, useStill } from '../data/use.ts';
import { bigOf, type Fields, fieldsOf, listOf, numberOf, textOf } from '../model/decode.ts';
import { byteLength, count, ether, plural } from '../model/format.ts';
import { returnedWords, revertReason } from '../model/text.ts';
import { AccountLink, Answered, Bytes, Copyable, Empty, Facts, Panel, TransactionLink } from '../parts/basics.tsx';
import { TransactionTable } from './block-view.tsx';

const REPEAT_MS = 4_000;
const PAGE_TRANSACTIONS = 25;
const EMPTY_CODE = '0x';
/** EIP-7702: the code of an account that lets another's code act for it. */
const DELEGATION = '0xef0100';

export function AccountView({ address }: { readonly address: string }) {
  const network = useNetwork();
  const key = `${address} ${network.asked()?.index}`;
  const answer = useAnswer(key, () => fetchAccount(network, address), REPEAT_MS);
  return (
    <Answered answer={answer} what="this account">
      {(account) => (
        <>
          <div class="title">
            <h1>{account.isContract ? 'Contract' : 'Account'}</h1>
            {account.delegate !== null && <span class="badge">acts by other code (EIP-7702)</span>}
          </div>
          <Panel title="Now">
            <Facts
              rows={[
                ['Address', <Copyable text={address} />],
                ['Balance', ether(account.balance, 18)],
                [
                  'Nonce',
                  `${count(account.nonce)}${account.pending > account.nonce ? `, and ${plural(account.pending - account.nonce, 'transaction')} in the pool` : ''}`,
                ],
                account.delegate === null ? null : ['Delegates to', <AccountLink address={account.delegate} whole />],
                account.isContract ? ['Code', <Bytes hex={account.code} />] : null,
                account.isContract ? ['Code size', `${count(byteLength(account.code))} bytes`] : null,
                ['Storage root', <code>{account.storageRoot}</code>],
              ]}
            />
          </Panel>
          {account.isContract && <Creator address={address} />}
          {account.isContract && <Call address={address} />}
          <History address={address} nodeIndex={network.asked()?.index ?? -1} />
        </>
      )}
    </Answered>
  );
}

async function fetchAccount(network: Network, address: string) {
  const [proof, pending, code] = await network.batch([
    { method: 'eth_getProof', params: [address, [], 'latest'] },
    { method: 'eth_getTransactionCount', params: [address, 'pending'] },
    { method: 'eth_getCode', params: [address, 'latest'] },
  ]);
  if (proof instanceof Error) throw proof;
  if (code instanceof Error) throw code;
  const account = fieldsOf(proof);
  const bytes = textOf(code) || EMPTY_CODE;
  return {
    balance: bigOf(account.balance),
    nonce: numberOf(account.nonce),
    pending: numberOf(pending),
    code: bytes,
    storageRoot: textOf(account.storageHash),
    isContract: bytes !== EMPTY_CODE && !bytes.startsWith(DELEGATION),
    delegate: bytes.startsWith(DELEGATION) ? `0x${bytes.slice(DELEGATION.length)}` : null,
  };
}

const NEEDS_OTS = 'The node that was asked does not tell: its namespace ots is not open (--http.api).';

function Creator({ address }: { readonly address: string }) {
  const network = useStill();
  const answer = useAnswer(`creator ${address}`, async () => fieldsOf(await openOrNull(network, 'ots_getContractCreator', [address])));
  return (
    <Panel title="Made">
      <Answered answer={answer} what="who made it">
        {(made) =>
          textOf(made.creator) === '' ? (
            <Empty>It is part of genesis, or {NEEDS_OTS.charAt(0).toLowerCase() + NEEDS_OTS.slice(1)}</Empty>
          ) : (
            <Facts
              rows={[
                ['By', <AccountLink address={textOf(made.creator)} whole />],
                ['In', <TransactionLink hash={textOf(made.hash)} whole />],
              ]}
            />
          )
        }
      </Answered>
    </Panel>
  );
}

/** Null where the method is not open. Throws other failures. */
async function openOrNull(network: Network, method: string, params: readonly unknown[]): Promise<unknown> {
  try {
    return await network.call(method, params);
  } catch (error) {
    if (error instanceof Failure && error.code === -32_601) return null;
    throw error;
  }
}

interface Called {
  readonly tone: 'good' | 'bad';
  readonly words: string;
  readonly data: string;
}

/** eth_call with bytes as they are: whoever has the ABI can encode them. Changes nothing. */
function Call({ address }: { readonly address: string }) {
  const network = useStill();
  const [data, setData] = useState('');
  const [called, setCalled] = useState<Called | null>(null);
  const call = async (event: Event) => {
    event.preventDefault();
    const input = data.trim() === '' ? '0x' : data.trim();
    if (!/^0x([0-9a-fA-F]{2})*$/.test(input))
      return setCalled({ tone: 'bad', words: 'Expected bytes: 0x and an even number of hex digits, such as 0x18160ddd.', data: '' });
    try {
      const output = textOf(await network.call('eth_call', [{ to: address, input }, 'latest']));
      setCalled({ tone: 'good', words: returnedWords(output), data: output });
    } catch (error) {
      const reason = error instanceof Failure && error.data !== null ? ` ${revertReason(error.data)}` : '';
      setCalled({ tone: 'bad', words: sentenceOf(error) + reason, data: '' });
    }
  };
  return (
    <Panel title="Read" aside={<span class="quiet">eth_call on the newest state: costs nothing, changes nothing</span>}>
      <form class="row" onSubmit={call}>
        <input
          class="grow mono"
          aria-label="Call data"
          placeholder="0x and the call data: selector and arguments"
          spellcheck={false}
          maxLength={200_000}
          value={data}
          onInput={({ currentTarget }) => setData(currentTarget.value)}
        />
        <button type="submit">Call</button>
      </form>
      <div role="status">
        {called !== null && (
          <p class={`said ${called.tone}`}>
            <bdi>{called.words}</bdi>
          </p>
        )}
        {called !== null && called.data.length > 2 && <Bytes hex={called.data} />}
      </div>
    </Panel>
  );
}

interface HistoryPage {
  readonly list: readonly Fields[];
  readonly isLast: boolean;
}

function History({ address, nodeIndex }: { readonly address: string; readonly nodeIndex: number }) {
  const network = useStill();
  /** Below which block each page begins; 0 is the head. */
  const [before, setBefore] = useState<readonly number[]>([0]);
  const from = before.at(-1) ?? 0;
  const answer = useAnswer(`history ${address} ${from} ${nodeIndex}`, async (): Promise<HistoryPage | null> => {
    const found = await openOrNull(network, 'ots_searchTransactionsBefore', [address, from, PAGE_TRANSACTIONS]);
    if (found === null) return null;
    const fields = fieldsOf(found);
    return { list: listOf(fields.txs).map(fieldsOf), isLast: fields.lastPage === true };
  });
  return (
    <Panel title="Transactions" aside={<span class="quiet">the newest first</span>}>
      <Answered answer={answer} what="its transactions">
        {(page) =>
          page === null ? (
            <Empty>{NEEDS_OTS}</Empty>
          ) : page.list.length === 0 ? (
            <Empty>It neither sent nor got a transaction.</Empty>
          ) : (
            <>
              <TransactionTable list={page.list} of={address} />
              <nav class="pager" aria-label="Pages of transactions">
                <button type="button" disabled={before.length === 1} onClick={() => setBefore(before.slice(0, -1))}>
                  ← Newer
                </button>
                <button
                  type="button"
                  disabled={page.isLast}
                  onClick={() => setBefore([...before, Math.min(...page.list.map(({ blockNumber }) => numberOf(blockNumber)))])}
                >
                  Older →
                </button>
              </nav>
            </>
          )
        }
      </Answered>
    </Panel>
  );
}
