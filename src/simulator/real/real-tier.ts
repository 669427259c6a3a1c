/**
 * The slow tier: the node's chain store, consensus log, EVM, ledger, pool and body checks, and real signatures.
 * Proof-of-work stays an oracle's tag, since finding proofs is not what is tested. See `async-work.ts` for how promises and
 * virtual time agree.
 */
import type { Address } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { BuiltGenesis } from '../../execution/genesis.ts';
import { decodeFields } from '../../execution/transaction-codec.ts';
import { bodyMatches, checkBody } from '../../node/inbox.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import type { CheckerFactory, Setting } from '../checkers/checker.ts';
import type { Disk } from '../disk.ts';
import { type MarkRule, sometimes } from '../marks.ts';
import type { Observe } from '../observations.ts';
import type { Options } from '../options.ts';
import type { Subject } from '../subject.ts';
import type { ClientNode, Clients, Store, Tier, TierFactory } from '../tier.ts';
import { addressOfAccount } from '../transfers.ts';
import { Workload } from '../workload.ts';
import type { World } from '../world.ts';
import type { AsyncWork } from './async-work.ts';
import { BLS_KEYS, type ClientKey, clientKey } from './keys.ts';
import { realGenesis } from './real-genesis.ts';
import { RealStore } from './real-store.ts';
import { RealWallets } from './real-wallets.ts';
import { replayed } from './replayed.ts';
import { type Contents, sameAsTwin } from './same-as-twin.ts';
import { Twin } from './twin.ts';
import { VirtualDatabase } from './virtual-database.ts';
import { visits } from './visits.ts';
import { VISIT_GAS, visitSlots } from './visits-contract.ts';

export interface RealTierOptions {
  /** Another database, for tests: one that loses what it should keep. */
  readonly newDatabase?: (work: AsyncWork) => VirtualDatabase;
}

const isCreation = (transaction: Uint8Array) => decodeFields(transaction).fields.to === null;
const isVisit = (transaction: Uint8Array) => decodeFields(transaction).fields.gasLimit === VISIT_GAS;

/** What a batch of runs of this tier should reach sometimes, besides the marks of both tiers. */
export const REAL_MARKS: readonly MarkRule[] = [
  sometimes('a block creates a contract', (seen) => seen.type === 'built' && seen.block.transactions.some(isCreation)),
  sometimes('a block calls a contract', (seen) => seen.type === 'built' && seen.block.transactions.some(isVisit)),
];

/** Prepares what is asynchronous of a world's beginning. The factory is for one world, between whose events `work` must settle. */
export async function realTier(subject: Subject, options: Options, work: AsyncWork, choices: RealTierOptions = {}): Promise<TierFactory> {
  const keys = Array.from({ length: options.accounts }, (_, account) => clientKey(account));
  const genesis = await realGenesis(subject, options, keys);
  return (world) => new RealTier({ world, work, subject, options, keys, genesis, choices });
}

interface Parts {
  readonly world: World;
  readonly work: AsyncWork;
  readonly subject: Subject;
  readonly options: Options;
  readonly keys: readonly ClientKey[];
  readonly genesis: BuiltGenesis;
  readonly choices: RealTierOptions;
}

class RealTier implements Tier {
  readonly keys = BLS_KEYS;
  readonly marks = REAL_MARKS;
  readonly checkBody = checkBody;
  readonly bodyMatches = bodyMatches;
  readonly params: ChainParams;
  readonly genesis: Block;
  readonly checkers: readonly CheckerFactory[];
  readonly #parts: Parts;
  readonly #stores = new Map<number, RealStore>();
  readonly #contracts: Address[] = [];
  #twin: Promise<Twin> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.params = parts.genesis.params;
    this.genesis = parts.genesis.block;
    this.checkers = this.#makeCheckers();
  }

  beneficiaryOf(identity: number): Address {
    return addressOfAccount(this.#parts.options.accounts + identity);
  }

  newStore(place: number, disk: Disk, genesisNode: HeaderNode): Store {
    const { work, choices } = this.#parts;
    const { newDatabase = (toTouch: AsyncWork) => new VirtualDatabase(toTouch) } = choices;
    const databases = { chain: newDatabase(work), log: newDatabase(work) };
    const store = new RealStore({ work, params: this.params, disk, genesis: this.#genesisState(genesisNode), genesisNode, ...databases });
    this.#stores.set(place, store);
    return store;
  }

  newClients(nodes: readonly ClientNode[], observe: Observe): Clients {
    const { world, work, options, subject, keys } = this.#parts;
    const wallets = new RealWallets({
      world,
      work,
      chainId: this.params.chainId,
      keys,
      storeOf: (place) => this.#storeOf(place),
      onContract: (address) => this.#contracts.push(address),
    });
    return new Workload(
      world,
      nodes,
      { ...options, linearizableRead: subject.linearizableRead ?? null, operators: subject.operators?.(options.engine) ?? [] },
      wallets,
      observe,
    );
  }

  #makeCheckers(): CheckerFactory[] {
    const { work, keys } = this.#parts;
    const storeOf = (place: number) => this.#storeOf(place);
    const contents = () => this.#contents();
    return [
      (setting) => replayed({ twin: () => this.#twinOf(setting), work, addressOf: (account) => keys[account]?.address })(setting),
      visits(storeOf),
      (setting) => sameAsTwin({ twin: () => this.#twinOf(setting), work, storeOf, contents })(setting),
    ];
  }

  #storeOf(place: number): ChainStore | null {
    return this.#stores.get(place)?.chain ?? null;
  }

  /** One for the whole world. */
  #twinOf({ engine, genesis }: Setting): Promise<Twin> {
    this.#twin ??= Twin.open(this.params, engine, this.#genesisState(genesis));
    return this.#twin;
  }

  #genesisState({ facts }: HeaderNode) {
    const { block, execution } = this.#parts.genesis;
    return { block, execution, facts };
  }

  /** All that transactions, rewards and the clients' contracts can have changed. */
  #contents(): Contents {
    const { keys, options } = this.#parts;
    const clients = keys.map(({ address }) => address);
    const nodes = Array.from({ length: options.nodes }, (_, identity) => this.beneficiaryOf(identity));
    return { addresses: [...clients, ...nodes, ...this.#contracts], slots: visitSlots(clients) };
  }
}
