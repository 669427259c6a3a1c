/** The fast tier: accounts and transfers in memory, tags for signatures. */
// Loaded for what it installs: every block of a run is named by the hash of its header.
import '../execution/keccak.ts';
import { present } from '../base/assert.ts';
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { linearizable } from './checkers/linearizable.ts';
import { type LightStates, validity } from './checkers/validity.ts';
import type { Disk } from './disk.ts';
import { makeGenesis } from './genesis.ts';
import { DurableChain, LightChain } from './light-chain.ts';
import { LightLedger, lightBodyMatches } from './light-ledger.ts';
import { LightPool } from './light-pool.ts';
import type { Options } from './options.ts';
import type { Subject } from './subject.ts';
import { TAG_KEYS } from './tags.ts';
import type { PoolPort, Store, StoreLife, Tier, TierFactory } from './tier.ts';
import { addressOfAccount, type Balances, balanceOf, encodeTransfer, nonceOf } from './transfers.ts';
import { DurableLog, logPort } from './virtual-log.ts';
import { type Shown, type Wallets, Workload } from './workload.ts';

const MAX_AMOUNT = 1_000;

export interface LightTier extends Tier {
  /** For those who look at accounts. */
  readonly states: LightStates;
}

export const lightTier = ((world, subject, options): LightTier => {
  const { block, state, params } = makeGenesis(subject, options);
  const stores = new Map<number, LightStore>();
  const states = { genesis: state, of: (place: number) => stores.get(place)?.chain ?? null };
  return {
    states,
    params,
    genesis: block,
    keys: TAG_KEYS,
    checkers: [validity(states), linearizable(states)],
    marks: [],
    beneficiaryOf: (identity) => addressOfAccount(options.accounts + identity),
    checkBody,
    bodyMatches: lightBodyMatches,
    newStore: (place, disk, genesis) => {
      const store = new LightStore(params, disk, new DurableChain({ block, node: genesis, status: 'executed', state }));
      stores.set(place, store);
      return store;
    },
    newClients: (nodes, observe) => {
      const given = {
        ...options,
        linearizableRead: subject.linearizableRead ?? null,
        operators: subject.operators?.(options.engine) ?? [],
      };
      const shownBy = (place: number) => present(stores.get(place), 'a store').shown;
      return new Workload(world, nodes, given, { shownBy, write: transfersOf(subject, options, params.chainId) }, observe);
    },
  };
}) satisfies TierFactory;

function checkBody(block: Block): void {
  if (lightBodyMatches(block)) return;
  throw new RuleError('block/transactionsRoot', 'The transactions or the payload are not those of the header.');
}

/** Something for somebody, perhaps oneself; now and then the engine's contract has something to say. */
function transfersOf(subject: Subject, { accounts, nodes }: Options, chainId: number): Wallets['write'] {
  const say = subject.says?.({ nodes, chainId, keys: TAG_KEYS });
  return (from, nonce, random, done) => {
    const transfer = { from, to: random.below(accounts), nonce, amount: 1 + random.below(MAX_AMOUNT) };
    const says = say?.(random) ?? null;
    done(encodeTransfer(says === null ? transfer : { ...transfer, says }));
  };
}

class LightStore implements Store {
  readonly #params: Tier['params'];
  readonly #disk: Disk;
  readonly durable: DurableChain;
  readonly #log = new DurableLog();
  /** Of the life that goes on, or of the last. */
  chain: LightChain | null = null;

  constructor(params: Tier['params'], disk: Disk, durable: DurableChain) {
    this.#params = params;
    this.#disk = disk;
    this.durable = durable;
  }

  /** What clients are shown. */
  get headState(): Balances | null {
    return this.accounts(this.durable.head.hash);
  }

  get shown(): Shown {
    const { head, finalized } = this.durable;
    return {
      head,
      finalized,
      account: ({ hash }, account) => {
        const state = this.accounts(hash);
        return state && { balance: balanceOf(state, account), nonce: nonceOf(state, account) };
      },
    };
  }

  accounts(hash: Hash): Balances | null {
    return this.chain?.state(hash) ?? this.durable.blocks.get(hash)?.state ?? null;
  }

  open({ engine, executionUs, after, opened, fatal }: StoreLife): void {
    const log = this.#log;
    const incarnation = ++log.incarnation;
    const [chainFile, logFile] = [this.#disk.open({ onError: fatal }), this.#disk.open({ onError: fatal })];
    const chain = new LightChain(this.durable, chainFile);
    const pool = new LightPool();
    this.chain = chain;
    opened({
      view: chain,
      durable: this.durable,
      pool: poolPort(pool, () => this.headState),
      recovered: { incarnation, records: log.records.map((record) => record.slice()), lsn: log.last },
      ledger: (events) => new LightLedger({ chain, pool, engine, params: this.#params, executionUs, after, ...events }),
      log: (onDurable) => logPort(log, logFile, onDurable),
    });
  }
}

function poolPort(pool: LightPool, headState: () => Balances | null): PoolPort {
  return {
    get size() {
      return pool.size;
    },
    add: (bytes) => {
      const state = headState();
      return state !== null && pool.add(bytes, state);
    },
    some: (limit) => pool.all().slice(0, limit),
  };
}
