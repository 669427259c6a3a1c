/**
 * What a node of the real tier keeps: its chain and its consensus log, in two databases on one virtual disk, opened and
 * checked at each start by the node's own code.
 */
import type { HeaderNode } from '../../chain/tree.ts';
import { Mempool } from '../../mempool/mempool.ts';
import { Inbox } from '../../node/inbox.ts';
import type { GenesisState } from '../../storage/chain-rows.ts';
import { ChainStore } from '../../storage/chain-store.ts';
import { ConsensusLog, type RecoveredLog } from '../../storage/consensus-log.ts';
import type { Disk } from '../disk.ts';
import type { DurableView, LedgerEvents, OpenLedger, Store, StoreLife, Tier } from '../tier.ts';
import type { AsyncWork } from './async-work.ts';
import { RealLedger } from './real-ledger.ts';
import { realPool } from './real-pool.ts';
import { STANDING_STILL, TimedExecutor } from './timed-executor.ts';
import type { VirtualDatabase } from './virtual-database.ts';

export interface RealStoreOptions {
  readonly work: AsyncWork;
  readonly params: Tier['params'];
  readonly disk: Disk;
  readonly genesis: GenesisState;
  readonly genesisNode: HeaderNode;
  readonly chain: VirtualDatabase;
  readonly log: VirtualDatabase;
}

export class RealStore implements Store {
  readonly #options: RealStoreOptions;
  /** Of the life that goes on, or of the last; null before the first. */
  #chain: ChainStore | null = null;

  constructor(options: RealStoreOptions) {
    this.#options = options;
  }

  /** For checkers. */
  get chain(): ChainStore | null {
    return this.#chain;
  }

  get durable(): DurableView {
    return this.#chain ?? beforeTheFirst(this.#options.genesisNode);
  }

  accounts(): null {
    return null;
  }

  open(life: StoreLife): void {
    const { work } = this.#options;
    const post = (action: () => void) => life.after(0, action);
    const fatal = (error: unknown) => post(() => life.fatal(error));
    work.touch();
    this.#load(fatal).then(
      ({ chain, recovered }) =>
        post(() => {
          this.#chain = chain;
          life.opened(this.#begin(chain, recovered, life, post, fatal));
        }),
      fatal,
    );
  }

  /** What was made once is never made again: a disk that comes back empty has lost it. */
  async #load(fail: (error: unknown) => void): Promise<{ chain: ChainStore; recovered: RecoveredLog }> {
    const { disk, genesis, chain: chainRows, log: logRows } = this.#options;
    const create = this.#chain === null;
    const [chainDatabase, logDatabase] = [chainRows.open(disk), logRows.open(disk)];
    const chain = await ChainStore.open(chainDatabase, genesis, { create, now: STANDING_STILL });
    return { chain, recovered: await ConsensusLog.open(logDatabase, { create, fail }) };
  }

  #begin(
    chain: ChainStore,
    recovered: RecoveredLog,
    life: StoreLife,
    post: (action: () => void) => void,
    fatal: (error: unknown) => void,
  ): OpenLedger {
    const { work, params } = this.#options;
    const { engine, clock, after, executionUs } = life;
    const pool = new Mempool({ params, chain, state: chain.state, now: () => clock.nowMs() });
    const inbox = new Inbox({ engine, view: chain.view, pool, clock, deliver: () => false });
    let returned: LedgerEvents['onReturned'] = () => undefined;
    return {
      view: chain.view,
      durable: chain,
      pool: realPool(pool, inbox, (bytes) => post(() => returned(bytes))),
      recovered,
      ledger: (events) => {
        returned = events.onReturned;
        const executor = new TimedExecutor(params, chain, engine, { work, after, executionUs });
        return new RealLedger({ store: chain, executor, pool, engine, fatal, work, post, events });
      },
      log: (onDurable) => ({
        append: (lsn, records, truncateBelow, done) => {
          work.touch();
          const durable = () => {
            onDurable(lsn);
            done();
          };
          recovered.log.append(lsn, records, truncateBelow, () => post(durable));
        },
      }),
    };
  }
}

function beforeTheFirst(genesis: HeaderNode): DurableView {
  return {
    head: genesis,
    finalized: genesis,
    canonical: (number) => (number === 0 ? genesis.hash : undefined),
    header: (hash) => (hash === genesis.hash ? genesis : undefined),
    certificate: () => undefined,
  };
}
