/** Proof-of-stake: participation against the two thirds that finality takes, duties and votes by slot, validators, slashings. */
import { useState } from 'preact/hooks';
import type { Network } from '../data/network.ts';
import { useAnswer } from '../data/use.ts';
import { bigOf, type Fields, fieldsOf, listOf, numberOf, textOf } from '../model/decode.ts';
import { finalityWords } from '../model/finality.ts';
import { count, percent, plural, short, units } from '../model/format.ts';
import { plain } from '../model/text.ts';
import { AccountLink, Answered, BlockLink, Empty, Meter, Pager, Panel } from '../parts/basics.tsx';

const REPEAT_MS = 2_000;
const VALIDATORS_REPEAT_MS = 10_000;
const PAGE_VALIDATORS = 50;
/** Of more, nobody but the node that is asked is asked. */
const MAX_OWNED_VALIDATORS = 1_000;
const SHOWN_VOTES = 24;
const TWO_THIRDS = 2 / 3;

export function StakePanels({ network }: { readonly network: Network }) {
  const index = network.asked()?.index;
  const answer = useAnswer(`stake ${index}`, () => fetchStake(network), REPEAT_MS);
  return (
    <>
      <Answered answer={answer} what="votes and duties">
        {(stake) => (
          <>
            <Participation {...stake} />
            <Slots {...stake} />
            <Slashings slashings={stake.slashings} />
          </>
        )}
      </Answered>
      <Validators network={network} index={index ?? 0} />
      {answer.state === 'there' && <Votes votes={answer.value.votes} />}
    </>
  );
}

interface Stake {
  readonly checkpoints: Fields;
  readonly participation: Fields;
  readonly duties: Fields;
  readonly votes: readonly Fields[];
  readonly slashings: Fields;
}

async function fetchStake(network: Network): Promise<Stake> {
  const methods = ['synod_getCheckpoints', 'synod_getParticipation', 'synod_getDuties', 'synod_getVotes', 'synod_getSlashings'];
  const answers = await network.batch(methods.map((method) => ({ method, params: [] })));
  const failed = answers.find((answer) => answer instanceof Error);
  if (failed !== undefined) throw failed;
  const [checkpoints, participation, duties, votes, slashings] = answers;
  return {
    checkpoints: fieldsOf(checkpoints),
    participation: fieldsOf(participation),
    duties: fieldsOf(duties),
    votes: listOf(votes).map(fieldsOf),
    slashings: fieldsOf(slashings),
  };
}

function Participation({ checkpoints, participation }: Stake) {
  const [previous, current] = [fieldsOf(participation.previous), fieldsOf(participation.current)];
  const { words, tone } = finalityWords(numberOf(participation.epochsSinceFinality));
  const row = (name: string, epoch: Fields) => {
    const share = numberOf(epoch.share);
    return (
      <div>
        <span>
          {name} <span class="quiet">epoch {numberOf(epoch.epoch)}</span>
        </span>
        <b>{percent(share, 1)}</b>
        <Meter share={share} mark={TWO_THIRDS} label={`${percent(share, 1)} of the stake voted`} />
      </div>
    );
  };
  const checkpoint = (name: string, value: unknown) => {
    const { epoch, root } = fieldsOf(value);
    return (
      <div>
        <span>{name}</span>
        <b>epoch {numberOf(epoch)}</b>
        <span>
          <BlockLink id={textOf(root)} />
        </span>
      </div>
    );
  };
  return (
    <Panel title="Votes of the stake" aside={<span class={`badge ${tone}`}>{words}</span>}>
      <div class="figures">
        {row('Epoch before', previous)}
        {row('This epoch so far', current)}
        {checkpoint('Justified', checkpoints.justified)}
        {checkpoint('Finalized', checkpoints.finalized)}
      </div>
      <p class="quiet note">The mark stands at two thirds: with less, blocks go on but nothing becomes final.</p>
    </Panel>
  );
}

function Slots({ checkpoints, duties, votes }: Stake) {
  const now = numberOf(checkpoints.slot);
  const slots = listOf(duties.slots).map(fieldsOf);
  return (
    <Panel title={`Slots of epoch ${numberOf(duties.epoch)}`} aside={<span class="quiet">slot {count(now)} now</span>}>
      <ol class="slots">
        {slots.map((slot) => {
          const number = numberOf(slot.slot);
          const size = listOf(slot.committees).reduce<number>((sum, committee) => sum + listOf(committee).length, 0);
          const voted = votes.filter((vote) => numberOf(vote.slot) === number).reduce((sum, vote) => sum + numberOf(vote.voters), 0);
          return (
            <li key={number} class={number === now ? 'now' : ''}>
              <b>{count(number)}</b>
              <span>validator {numberOf(slot.proposer)} proposes</span>
              <Meter share={size === 0 ? 0 : voted / size} label={`${voted} of ${size} voted`} />
              <span class="quiet">{number > now ? 'to come' : `${voted} of ${size} voted`}</span>
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}

function Votes({ votes }: { readonly votes: readonly Fields[] }) {
  return (
    <Panel title="Votes" aside={<span class="quiet">that this node holds, the newest first</span>}>
      {votes.length === 0 ? (
        <Empty>This node holds no votes.</Empty>
      ) : (
        <table class="table">
          <thead>
            <tr>
              <th scope="col" class="number">
                Slot
              </th>
              <th scope="col" class="number">
                Committee
              </th>
              <th scope="col" class="number">
                Voters
              </th>
              <th scope="col">For the head</th>
              <th scope="col">From the source</th>
              <th scope="col">To the target</th>
            </tr>
          </thead>
          <tbody>
            {votes.slice(0, SHOWN_VOTES).map((vote) => (
              <tr key={`${vote.slot} ${vote.committee} ${vote.head} ${fieldsOf(vote.target).root}`}>
                <td class="number">{count(numberOf(vote.slot))}</td>
                <td class="number">{numberOf(vote.committee)}</td>
                <td class="number">{count(numberOf(vote.voters))}</td>
                <td>
                  <BlockLink id={textOf(vote.head)} />
                </td>
                <td>
                  <Checkpoint value={vote.source} />
                </td>
                <td>
                  <Checkpoint value={vote.target} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Checkpoint({ value }: { readonly value: unknown }) {
  const { epoch, root } = fieldsOf(value);
  return (
    <>
      epoch {numberOf(epoch)} <BlockLink id={textOf(root)} />
    </>
  );
}

function Slashings({ slashings }: { readonly slashings: Fields }) {
  const slashed = listOf(slashings.slashed);
  const waiting = listOf(slashings.waiting).length;
  if (slashed.length + waiting === 0) return null;
  const names = slashed
    .slice(0, PAGE_VALIDATORS)
    .map((entry) => (typeof entry === 'number' ? entry : numberOf(fieldsOf(entry).validator ?? fieldsOf(entry).index)));
  return (
    <p class="problem">
      {slashed.length === 0 ? 'Nobody was slashed' : `Slashed: ${slashed.length === 1 ? 'validator' : 'validators'} ${names.join(', ')}`}
      {waiting > 0 ? `; ${plural(waiting, 'piece')} of evidence wait for a block` : ''}.
    </p>
  );
}

/** The node that has a validator's key, by the validator's number. */
type Owners = ReadonlyMap<number, number>;

/**
 * Each node knows only which keys are its own, so all are asked; seldom, and only for a set that is small. Each counts as soon as it
 * answers: one that hangs keeps nobody waiting.
 */
function useOwners(network: Network, isWanted: boolean): Owners {
  const [byNode, setByNode] = useState<ReadonlyMap<number, readonly number[]>>(new Map());
  const ask = async (node: number) => {
    const theirs = listOf(await network.callNode(node, 'synod_getValidators')).map(fieldsOf);
    const numbers = theirs.filter(({ isOurs }) => isOurs === true).map(({ index }) => numberOf(index));
    setByNode((before) => new Map(before).set(node, numbers));
  };
  const askAll = () => Promise.allSettled(isWanted ? network.nodes.map(({ index }) => ask(index)) : []);
  useAnswer(`owners ${isWanted}`, askAll, VALIDATORS_REPEAT_MS);
  return new Map([...byNode].flatMap(([node, numbers]) => numbers.map((number) => [number, node] as const)));
}

function Validators({ network, index }: { readonly network: Network; readonly index: number }) {
  const [page, setPage] = useState(0);
  const fetchList = async () => listOf(await network.call('synod_getValidators')).map(fieldsOf);
  const answer = useAnswer(`validators ${index}`, fetchList, VALIDATORS_REPEAT_MS);
  const list = answer.state === 'there' ? answer.value : [];
  const owners = useOwners(network, list.length > 0 && list.length <= MAX_OWNED_VALIDATORS);
  const pages = Math.ceil(list.length / PAGE_VALIDATORS);
  const at = Math.min(page, Math.max(0, pages - 1));
  const title = answer.state === 'there' ? plural(list.length, 'validator') : 'Validators';
  return (
    <Panel title={title} aside={<Pager page={at} pages={pages} go={setPage} />}>
      <Answered answer={answer} what="validators">
        {() => <ValidatorTable list={list.slice(at * PAGE_VALIDATORS, (at + 1) * PAGE_VALIDATORS)} owners={owners} />}
      </Answered>
    </Panel>
  );
}

function ValidatorTable({ list, owners }: { readonly list: readonly Fields[]; readonly owners: Owners }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col" class="number">
            Number
          </th>
          <th scope="col">Key</th>
          <th scope="col">Status</th>
          <th scope="col" class="number">
            Balance
          </th>
          <th scope="col" class="number wide">
            Counts as
          </th>
          <th scope="col">Node</th>
          <th scope="col" class="wide">
            Depositor
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map((fields) => (
          <tr key={numberOf(fields.index)}>
            <td class="number">{numberOf(fields.index)}</td>
            <td>
              <code title={textOf(fields.publicKey)}>{short(textOf(fields.publicKey), 5)}</code>
            </td>
            <td>{fields.slashed === true ? <span class="badge bad">slashed</span> : plain(textOf(fields.status)).replaceAll('_', ' ')}</td>
            <td class="number">{units(bigOf(fields.balance), 9, 9)} ETH</td>
            <td class="number wide">{units(bigOf(fields.effectiveBalance), 9, 9)} ETH</td>
            <td>{owners.has(numberOf(fields.index)) ? `node ${owners.get(numberOf(fields.index))}` : <span class="quiet">—</span>}</td>
            <td class="wide">
              <AccountLink address={textOf(fields.depositor)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
