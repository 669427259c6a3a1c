/**
 * What the clients of the real tier write: signed transactions of type 2 (EIP-1559). They send each other ether, deploy
 * contracts and call them, sometimes so that the call fails, and now and then give away so much that others of theirs
 * cannot be paid for any more. What they see are accounts in the state of a node's durable chain.
 */
import { present } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import { StorageError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Address, Hex } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { createdAddress } from '../../execution/block-run.ts';
import { StateReader } from '../../execution/state-reader.ts';
import type { ChainStore } from '../../storage/chain-store.ts';
import { signTransaction, type TransactionFields } from '../../wallet/signing.ts';
import type { Account, Shown, Wallets } from '../workload.ts';
import type { World } from '../world.ts';
import type { AsyncWork } from './async-work.ts';
import type { ClientKey } from './keys.ts';
import { DEPLOYMENT_GAS, VISIT_DATA, VISIT_GAS, VISITS_DEPLOYMENT } from './visits-contract.ts';

const DEPLOY_CHANCE = 0.1;
const VISIT_CHANCE = 0.4;
const FAILURE_CHANCE = 0.2;
const FORTUNE_CHANCE = 0.02;
const MAX_WEI = 1_000_000;
/** A fifth of what a client has at first. */
const FORTUNE_WEI = 2n * 10n ** 18n;
const TRANSFER_GAS = 21_000n;
const GWEI = 10n ** 9n;
const MAX_TIP_GWEI = 10;
const BASE_FEE_ROOM = 2n * GWEI;

type Fields = Extract<TransactionFields, { type: 'eip1559' }>;
type Wish = Pick<Fields, 'to' | 'value' | 'data' | 'gasLimit'>;

export interface RealWalletsOptions {
  readonly world: World;
  readonly work: AsyncWork;
  readonly chainId: number;
  readonly keys: readonly ClientKey[];
  readonly storeOf: (place: number) => ChainStore | null;
  /** Where a contract is going to be, or would have been. */
  readonly onContract: (address: Address) => void;
}

export class RealWallets implements Wallets {
  readonly #options: RealWalletsOptions;
  readonly #contracts: Address[] = [];

  constructor(options: RealWalletsOptions) {
    this.#options = options;
  }

  shownBy(place: number): Shown | null {
    const store = this.#options.storeOf(place);
    if (store === null) return null;
    const { head, finalized } = store;
    return { head, finalized, account: (block, account) => unlessBroken(() => accountIn(store, block, this.#key(account).address)) };
  }

  /** Signing comes between two events: the library blinds its arithmetic with randomness (which no signature shows). */
  write(account: number, nonce: number, random: Random, done: (transaction: Uint8Array) => void): void {
    const { work, world, chainId } = this.#options;
    const { secret, address } = this.#key(account);
    const wish = this.#wish(random);
    if (wish.to === null) this.#expectContract(createdAddress(address, BigInt(nonce)));
    const maxPriorityFeePerGas = GWEI * BigInt(1 + random.below(MAX_TIP_GWEI));
    const maxFeePerGas = maxPriorityFeePerGas + BASE_FEE_ROOM;
    const fees = { maxPriorityFeePerGas, maxFeePerGas, accessList: [] };
    const fields: Fields = { type: 'eip1559', chainId: BigInt(chainId), nonce: BigInt(nonce), ...fees, ...wish };
    const failed = (error: unknown) =>
      world.after(0, () => {
        throw error;
      });
    work.track(async () => fromHex(signTransaction(fields, secret).raw)).then((signed) => world.after(0, () => done(signed)), failed);
  }

  #wish(random: Random): Wish {
    if (random.chance(DEPLOY_CHANCE)) return { to: null, value: 0n, data: VISITS_DEPLOYMENT, gasLimit: DEPLOYMENT_GAS };
    if (this.#contracts.length > 0 && random.chance(VISIT_CHANCE)) {
      const data: Hex = random.chance(FAILURE_CHANCE) ? '0x01' : VISIT_DATA;
      return { to: random.pick(this.#contracts), value: 0n, data, gasLimit: VISIT_GAS };
    }
    const value = random.chance(FORTUNE_CHANCE) ? FORTUNE_WEI : BigInt(1 + random.below(MAX_WEI));
    return { to: random.pick(this.#options.keys).address, value, data: '0x', gasLimit: TRANSFER_GAS };
  }

  #expectContract(address: Address): void {
    this.#contracts.push(address);
    this.#options.onContract(address);
  }

  #key(account: number): ClientKey {
    return present(this.#options.keys[account], `the key of client ${account}`);
  }
}

/** A store whose disk has failed answers nothing more, and the node stops when it finds out. */
function unlessBroken<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

export function accountIn(store: ChainStore, { header }: HeaderNode, address: Address): Account {
  const account = new StateReader(store.state).account(header, address);
  return { balance: Number(account?.balance ?? 0n), nonce: Number(account?.nonce ?? 0n) };
}
