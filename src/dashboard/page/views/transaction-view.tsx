/** One transaction: what it asked for, what came of it, and why it failed where it did. */
import type { Network } from '../data/network.ts';
import { useAnswer, useNetwork } from '../data/use.ts';
import { bigOf, type Fields, fieldsOf, listOf, numberOf, textOf } from '../model/decode.ts';
import { byteLength, count, ether, gwei, plural } from '../model/format.ts';
import { revertReason, wordsIn } from '../model/text.ts';
import { AccountLink, Answered, BlockLink, Bytes, Copyable, Empty, Facts, Panel } from '../parts/basics.tsx';

/** Until it is mined it may be at any moment. */
const PENDING_REPEAT_MS = 2_000;

interface Found {
  readonly transaction: Fields | null;
  /** Null while it waits in the pool. */
  readonly receipt: Fields | null;
}

const FAILED = '0x0';

export function TransactionView({ hash }: { readonly hash: string }) {
  const network = useNetwork();
  const answer = useAnswer(`${hash} ${network.asked()?.index}`, () => fetchTransaction(network, hash), PENDING_REPEAT_MS);
  return (
    <Answered answer={answer} what="this transaction">
      {(found) =>
        found.transaction === null ? (
          <Empty>The node that was asked has no such transaction, neither in a block nor in its pool.</Empty>
        ) : (
          <Whole network={network} found={found} transaction={found.transaction} />
        )
      }
    </Answered>
  );
}

async function fetchTransaction(network: Network, hash: string): Promise<Found> {
  const [transaction, receipt] = await network.batch([
    { method: 'eth_getTransactionByHash', params: [hash] },
    { method: 'eth_getTransactionReceipt', params: [hash] },
  ]);
  if (transaction instanceof Error) throw transaction;
  return {
    transaction: transaction === null ? null : fieldsOf(transaction),
    receipt: receipt instanceof Error || receipt === null ? null : fieldsOf(receipt),
  };
}

/** What only an execution again shows, and is asked for once: a mined transaction does not change, and a trace is dear. */
interface Explanation {
  /** Why it failed, in words; null where the node does not tell. */
  readonly reason: string | null;
  readonly internal: readonly Fields[];
}

async function explain(network: Network, hash: string): Promise<Explanation> {
  const [reason, internal] = await network.batch([
    { method: 'ots_getTransactionError', params: [hash] },
    { method: 'ots_getInternalOperations', params: [hash] },
  ]);
  return { reason: typeof reason === 'string' ? revertReason(reason) : null, internal: listOf(internal).map(fieldsOf) };
}

interface WholeProps {
  readonly network: Network;
  readonly found: Found;
  readonly transaction: Fields;
}

function Whole({ network, found, transaction }: WholeProps) {
  const { receipt } = found;
  return (
    <>
      <div class="title">
        <h1>Transaction</h1>
        <Status network={network} receipt={receipt} />
      </div>
      {receipt !== null && <Explained network={network} hash={textOf(transaction.hash)} receipt={receipt} />}
      <Asked transaction={transaction} receipt={receipt} />
      <Input transaction={transaction} />
      {receipt !== null && <Logs list={listOf(receipt.logs).map(fieldsOf)} />}
    </>
  );
}

function Explained({ network, hash, receipt }: { readonly network: Network; readonly hash: string; readonly receipt: Fields }) {
  const answer = useAnswer(`why ${hash} ${textOf(receipt.blockHash)}`, () => explain(network, hash));
  const failed = receipt.status === FAILED;
  if (answer.state !== 'there')
    return failed ? <p class="problem">Reverted. {answer.state === 'loading' ? 'Asking why…' : answer.sentence}</p> : null;
  const { reason, internal } = answer.value;
  return (
    <>
      {failed && (
        <p class="problem">
          <bdi>Reverted. {reason ?? 'Why, tells a node that has its namespace ots open (--http.api).'}</bdi>
        </p>
      )}
      {internal.length > 0 && <Internal list={internal} />}
    </>
  );
}

function Status({ network, receipt }: { readonly network: Network; readonly receipt: Fields | null }) {
  if (receipt === null) return <span class="badge warning">waits in the pool</span>;
  const number = numberOf(receipt.blockNumber);
  const finalized = network.asked()?.status?.finalized.number ?? -1;
  return (
    <>
      <span class={`badge ${receipt.status === FAILED ? 'bad' : 'good'}`}>{receipt.status === FAILED ? 'failed' : 'succeeded'}</span>
      <span class="badge">{number <= finalized ? 'final' : 'not yet final'}</span>
    </>
  );
}

const TYPES: { readonly [type: number]: string } = {
  0: 'legacy',
  1: 'access list (EIP-2930)',
  2: 'dynamic fee (EIP-1559)',
  3: 'blobs (EIP-4844)',
  4: 'sets code (EIP-7702)',
};

function Asked({ transaction, receipt }: { readonly transaction: Fields; readonly receipt: Fields | null }) {
  const type = numberOf(transaction.type);
  const created = textOf(receipt?.contractAddress);
  const paid = receipt === null ? null : bigOf(receipt.gasUsed) * bigOf(receipt.effectiveGasPrice);
  return (
    <Panel title="Overview">
      <Facts
        rows={[
          ['Hash', <Copyable text={textOf(transaction.hash)} />],
          receipt === null ? null : ['Block', <BlockPlace receipt={receipt} />],
          ['From', <AccountLink address={textOf(transaction.from)} whole />],
          transaction.to === null
            ? ['Creates', created === '' ? <span class="quiet">a contract</span> : <AccountLink address={created} whole />]
            : ['To', <AccountLink address={textOf(transaction.to)} whole />],
          ['Value', ether(bigOf(transaction.value), 18)],
          receipt === null || paid === null
            ? ['Gas limit', count(numberOf(transaction.gas))]
            : [
                'Gas',
                `${count(numberOf(receipt.gasUsed))} of ${count(numberOf(transaction.gas))} at ${gwei(bigOf(receipt.effectiveGasPrice), 9)}: ${ether(paid, 18)}`,
              ],
          transaction.maxFeePerGas === undefined
            ? ['Gas price', gwei(bigOf(transaction.gasPrice), 9)]
            : ['Most it pays', `${gwei(bigOf(transaction.maxFeePerGas), 9)}, tip ${gwei(bigOf(transaction.maxPriorityFeePerGas), 9)}`],
          ['Nonce', count(numberOf(transaction.nonce))],
          ['Type', TYPES[type] ?? String(type)],
        ]}
      />
    </Panel>
  );
}

function BlockPlace({ receipt }: { readonly receipt: Fields }) {
  return (
    <>
      <BlockLink id={textOf(receipt.blockHash)} label={count(numberOf(receipt.blockNumber))} />{' '}
      <span class="quiet">place {count(numberOf(receipt.transactionIndex))}</span>
    </>
  );
}

function Input({ transaction }: { readonly transaction: Fields }) {
  const input = textOf(transaction.input);
  const isCreation = transaction.to === null;
  if (input === '0x' || input === '') {
    return (
      <Panel title="Input">
        <Empty>None: a plain transfer.</Empty>
      </Panel>
    );
  }
  const words = isCreation ? null : wordsIn(input);
  return (
    <Panel title={isCreation ? 'Code that creates' : 'Input'} aside={<span class="quiet">{plural(byteLength(input), 'byte')}</span>}>
      {!isCreation && words === null && <Arguments input={input} />}
      {words !== null && <bdi class="words">“{words}”</bdi>}
      <Bytes hex={input} />
    </Panel>
  );
}

const WORD = 64;
const MAX_WORDS = 16;

/** The selector and the 32-byte words after it: without a contract's ABI nobody can say more. */
function Arguments({ input }: { readonly input: string }) {
  const body = input.slice(10);
  if (body.length % WORD !== 0) return null;
  const words = body.match(/.{64}/g) ?? [];
  return (
    <Facts
      rows={[
        ['Selector', <code>{input.slice(0, 10)}</code>],
        ...words.slice(0, MAX_WORDS).map((word, place) => [`Word ${place}`, <Word word={word} />] as const),
        words.length > MAX_WORDS ? ['…', `${words.length - MAX_WORDS} more`] : null,
      ]}
    />
  );
}

function Word({ word }: { readonly word: string }) {
  const isAddress = /^0{24}(?!0{8})/.test(word);
  return (
    <>
      <code>0x{word}</code>{' '}
      {isAddress ? (
        <AccountLink address={`0x${word.slice(24)}`} />
      ) : /^0{48}/.test(word) ? (
        <span class="quiet">{BigInt(`0x${word}`).toLocaleString('en-US')}</span>
      ) : (
        ''
      )}
    </>
  );
}

const OPERATIONS = ['transfer', 'self-destruct', 'creation', 'creation (CREATE2)'];
const MAX_ROWS = 100;

function Internal({ list }: { readonly list: readonly Fields[] }) {
  return (
    <Panel title={`${plural(list.length, 'operation')} inside`}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">From</th>
            <th scope="col">To</th>
            <th scope="col" class="number">
              Value
            </th>
          </tr>
        </thead>
        <tbody>
          {list.slice(0, MAX_ROWS).map((operation, place) => (
            <tr key={place}>
              <td>{OPERATIONS[numberOf(operation.type)] ?? 'unknown'}</td>
              <td>
                <AccountLink address={textOf(operation.from)} />
              </td>
              <td>
                <AccountLink address={textOf(operation.to)} />
              </td>
              <td class="number">{ether(bigOf(operation.value), 6)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

function Logs({ list }: { readonly list: readonly Fields[] }) {
  return (
    <Panel title={plural(list.length, 'log')}>
      {list.length === 0 ? (
        <Empty>It logged nothing.</Empty>
      ) : (
        list.slice(0, MAX_ROWS).map((log) => (
          <div key={textOf(log.logIndex)} class="log">
            <Facts
              rows={[
                ['Log', count(numberOf(log.logIndex))],
                ['By', <AccountLink address={textOf(log.address)} whole />],
                ...listOf(log.topics).map((topic, place) => [`Topic ${place}`, <code>{textOf(topic)}</code>] as const),
                ['Data', <Bytes hex={textOf(log.data)} />],
              ]}
            />
          </div>
        ))
      )}
      {list.length > MAX_ROWS && <p class="quiet">{count(list.length - MAX_ROWS)} more are not shown.</p>}
    </Panel>
  );
}
