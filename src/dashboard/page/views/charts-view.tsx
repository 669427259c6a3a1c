/** The network over time: by height what blocks tell, by time what only moments show, as this page saw it or nodes remember it. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import { sentenceOf } from '../data/failure.ts';
import type { Network } from '../data/network.ts';
import { useNetwork } from '../data/use.ts';
import type { Block } from '../model/block.ts';
import { count, decimal, gasPrice, metric, plural, span, transactionRate } from '../model/format.ts';
import { baseFees, blockTimes, type Columns, difficulties, gasRates, hashRates, type Samples, transactionRates } from '../model/series.ts';
import { Empty, Panel, Problem } from '../parts/basics.tsx';
import { Chart, type ChartProps } from '../parts/chart.tsx';

const WINDOWS = [128, 512, 2_048, 10_000] as const;
/** Fetched and drawn at a time, so that the page stays alive meanwhile. */
const STRIDE_BLOCKS = 256;

export function ChartsView() {
  const network = useNetwork();
  const [window, setWindow] = useState<number>(WINDOWS[0]);
  const [problem, setProblem] = useState('');
  const top = network.chain.top;
  const engine = network.asked()?.status?.engine ?? '';
  const wanted = top === null ? 0 : Math.min(window, top.number + 1);
  const blocks = network.mainBlocks(wanted);
  const version = `${top?.hash} ${blocks.length} ${blocks.findLast(({ transactions }) => transactions === null)?.hash}`;
  useHistory(network, wanted, setProblem);
  usePast(network);
  if (top === null) return <Empty>No block is known yet, so there is nothing to draw.</Empty>;
  return (
    <>
      <div class="title">
        <h1>Charts</h1>
        <span class="quiet">
          {blocks.length < wanted
            ? `fetching: ${count(blocks.length)} of ${plural(wanted, 'block')}`
            : `the last ${plural(blocks.length, 'block')}`}
        </span>
        <label class="pager">
          Blocks
          <select value={String(window)} onChange={({ currentTarget }) => setWindow(Number(currentTarget.value))}>
            {WINDOWS.map((size) => (
              <option key={size} value={String(size)}>
                {count(size)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem !== '' && <Problem sentence={`Older blocks could not be fetched: ${problem}`} />}
      <div class="charts">
        <ByBlocks blocks={blocks} version={version} engine={engine} />
        <ByTime network={network} engine={engine} />
      </div>
    </>
  );
}

/** Older blocks come stride by stride, the newest first. */
function useHistory(network: Network, wanted: number, setProblem: (problem: string) => void): void {
  useEffect(() => {
    let isWanted = true;
    const fetchAll = async () => {
      setProblem('');
      for (;;) {
        const top = network.chain.top?.number ?? 0;
        const known = network.mainBlocks(wanted).length;
        const next = top - known;
        if (!isWanted || known >= wanted || next < 0) return;
        await network.fetchBlocks(next - STRIDE_BLOCKS + 1, next);
        // A node that has them no longer would be asked for ever.
        if (network.mainBlocks(wanted).length <= known) return;
      }
    };
    fetchAll().catch((error: unknown) => isWanted && setProblem(sentenceOf(error)));
    return () => {
      isWanted = false;
    };
  }, [network, wanted > 0 && wanted, setProblem]);
}

/** Nodes remember an hour; asked for again when one comes. */
function usePast(network: Network): void {
  const answering = network.nodes.filter(({ link }) => link === 'live' || link === 'polling').length;
  useEffect(() => {
    if (answering > 0) void network.fetchPast();
  }, [network, answering]);
}

function ByBlocks({ blocks, version, engine }: { readonly blocks: readonly Block[]; readonly version: string; readonly engine: string }) {
  const columns = useMemo(
    () => ({
      times: blockTimes(blocks),
      transactions: transactionRates(blocks),
      gas: gasRates(blocks),
      fees: baseFees(blocks),
      difficulty: engine === 'pow' ? difficulties(blocks) : null,
      hashes: engine === 'pow' ? hashRates(blocks) : null,
    }),
    [version, engine],
  );
  return (
    <>
      <One
        title="Time between blocks"
        note="from parent to child"
        columns={columns.times}
        lines={[{ name: 'block time', colour: '--branch-0' }]}
        show={span}
        least={0}
      />
      <One
        title="Transactions a second"
        note="mean of 16 blocks"
        columns={columns.transactions}
        lines={[{ name: 'transactions', colour: '--branch-4' }]}
        show={transactionRate}
        least={0}
      />
      <One
        title="Gas a second"
        note="mean of 16 blocks"
        columns={columns.gas}
        lines={[{ name: 'gas', colour: '--branch-2' }]}
        show={(value) => metric(value, 'gas/s')}
        least={0}
      />
      <One
        title="Base fee"
        note="for a unit of gas"
        columns={columns.fees}
        lines={[{ name: 'base fee', colour: '--branch-5' }]}
        show={gasPrice}
        least={0}
      />
      {columns.difficulty !== null && (
        <One
          title="Difficulty"
          note="expected hashes for a block"
          columns={columns.difficulty}
          lines={[{ name: 'difficulty', colour: '--branch-1' }]}
          show={(value) => metric(value, '')}
          least={0}
        />
      )}
      {columns.hashes !== null && (
        <One
          title="Hash rate"
          note="from difficulty, mean of 16 blocks"
          columns={columns.hashes}
          lines={[{ name: 'hash rate', colour: '--branch-3' }]}
          show={(value) => metric(value, 'H/s')}
          least={0}
        />
      )}
    </>
  );
}

function ByTime({ network, engine }: { readonly network: Network; readonly engine: string }) {
  const { finality, participation, hashing } = network;
  const [lag, votes, rate] = useMemo(
    () => [finality.columns(), participation.columns(), hashing.columns()],
    [finality.newest, participation.newest, hashing.newest, finality.oldest, participation.oldest, hashing.oldest],
  );
  return (
    <>
      <One
        over="time"
        title="Finality behind the head"
        note={sinceOf(finality)}
        columns={lag.slice(0, 2)}
        lines={[{ name: 'blocks behind', colour: '--branch-0' }]}
        show={(value) => plural(Math.round(value), 'block')}
        least={0}
      />
      <One
        over="time"
        title="Age of finality"
        note={`since it last moved, ${sinceOf(finality)}`}
        columns={[lag[0] ?? [], lag[2] ?? []]}
        lines={[{ name: 'age', colour: '--branch-1' }]}
        show={span}
        least={0}
      />
      {engine === 'pos' && (
        <One
          over="time"
          title="Participation"
          note={`of the stake in the epoch before, ${sinceOf(participation)}`}
          columns={votes}
          lines={[{ name: 'participation', colour: '--branch-2' }]}
          show={(value) => `${decimal(value, 0)} %`}
          least={0}
          most={100}
        />
      )}
      {engine === 'pow' && (
        <One
          over="time"
          title="Hash rate of the nodes"
          note={`as they say, ${sinceOf(hashing)}`}
          columns={rate}
          lines={[{ name: 'hash rate', colour: '--branch-3' }]}
          show={(value) => metric(value, 'H/s')}
          least={0}
        />
      )}
    </>
  );
}

function sinceOf({ oldest }: Samples): string {
  return oldest === 0 ? '' : `from ${new Date(1_000 * oldest).toLocaleTimeString('en-GB')} on`;
}

type OneProps = Omit<ChartProps, 'over'> & {
  readonly over?: ChartProps['over'];
  readonly title: string;
  readonly note: string;
  readonly columns: Columns;
};

function One({ title, note, over = 'height', ...chart }: OneProps) {
  const points = chart.columns[1]?.filter((value) => value !== null).length ?? 0;
  return (
    <Panel title={title} aside={<span class="quiet">{note}</span>}>
      {points < 2 ? <Empty>Too little is known yet to draw a line.</Empty> : <Chart over={over} {...chart} />}
    </Panel>
  );
}
