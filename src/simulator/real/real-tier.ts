/**
 * The slow tier: the node's chain store, consensus log, EVM, ledger, pool and body checks, and real signatures.
 * Proof-of-work stays an oracle's tag, since finding proofs is not what is tested. See `async-work.ts` for how promises and
 * virtual time agree.
 */
import type { Address } from '../../base/types.ts';
import { decodeFields } from '../../execution/transaction-codec.ts';
import { bodyMatches, checkBody } from '../../node/inbox.ts';
import type { CheckerFactory, Setting } from '../checkers/checker.ts';
import { type MarkRule, sometimes } from '../marks.ts';
import type { Options } from '../options.ts';
import type { Subject } from '../subject.ts';
import type { Tier, TierFactory } from '../tier.ts';
import { addressOfAccount } from '../transfers.ts';
import { Workload } from '../workload.ts';
import type { AsyncWork } from './async-work.ts';
import { BLS_KEYS, clientKey } from './keys.ts';
import { realGenesis } from './real-genesis.ts';
import { RealStore } from './real-store.ts';
import { RealWallets } from './real-wallets.ts';
import { replayed } from './replayed.ts';
import { sameAsTwin } from './same-as-twin.ts';
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
  const { block, execution, params } = await realGenesis(subject, options, keys);
  const newDatabase = choices.newDatabase ?? ((toTouch) => new VirtualDatabase(toTouch));
  const stores = new Map<number, RealStore>();
  const storeOf = (place: number) => stores.get(place)?.chain ?? null;
  const beneficiaryOf = (identity: number) => addressOfAccount(options.accounts + identity);
  const contracts: Address[] = [];
  const contents = () => ({
    addresses: [
      ...keys.map(({ address }) => address),
      ...Array.from({ length: options.nodes }, (_, identity) => beneficiaryOf(identity)),
      ...contracts,
    ],
    slots: visitSlots(keys.map(({ address }) => address)),
  });
  let opened: Promise<Twin> | null = null;
  const twinOf = ({ engine, genesis }: Setting) => {
    opened ??= Twin.open(params, engine, { block, execution, facts: genesis.facts });
    return opened;
  };
  const checkers: readonly CheckerFactory[] = [
    (setting) => replayed({ twin: () => twinOf(setting), work, addressOf: (account) => keys[account]?.address })(setting),
    visits(storeOf),
    (setting) => sameAsTwin({ twin: () => twinOf(setting), work, storeOf, contents })(setting),
  ];

  return (world): Tier => ({
    params,
    genesis: block,
    keys: BLS_KEYS,
    checkers,
    marks: REAL_MARKS,
    beneficiaryOf,
    checkBody,
    bodyMatches,
    newStore: (place, disk, genesisNode) => {
      const genesis = { block, execution, facts: genesisNode.facts };
      const store = new RealStore({ work, params, disk, genesis, genesisNode, chain: newDatabase(work), log: newDatabase(work) });
      stores.set(place, store);
      return store;
    },
    newClients: (nodes, observe) => {
      const onContract = (address: Address) => contracts.push(address);
      const wallets = new RealWallets({ world, work, chainId: params.chainId, keys, storeOf, onContract });
      return new Workload(world, nodes, { ...options, linearizableRead: subject.linearizableRead ?? null }, wallets, observe);
    },
  });
}
