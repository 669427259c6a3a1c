/**
 * Clients of the real tier: each owns an account and signs transactions of type 2 (EIP-1559) for whatever node it meets. They
 * send each other ether, deploy contracts and call them, sometimes so that the call fails; send again what is not in the
 * chain, and now and then something else with the same nonce. They see what a node shows, the durable head.
 */
import { fromHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Address, Hex } from '../../base/types.ts';
import { createdAddress } from '../../execution/block-run.ts';
import { signTransaction, type TransactionFields } from '../../wallet/signing.ts';
import type { Observe } from '../observations.ts';
import type { Options } from '../options.ts';
import type { ClientNode, Clients } from '../tier.ts';
import { US_PER_MS, type World } from '../world.ts';
import type { AsyncWork } from './async-work.ts';
import type { ClientKey } from './keys.ts';
import { DEPLOYMENT_GAS, VISIT_GAS, VISITS_DEPLOYMENT } from './visits-contract.ts';

const US_PER_MINUTE = 60_000 * US_PER_MS;
/** Transactions of one client that wait for a block. */
const MAX_OUTSTANDING = 4;
const RESEND_CHANCE = 0.3;
const DOUBLE_SPEND_CHANCE = 0.05;
const DEPLOY_CHANCE = 0.1;
const VISIT_CHANCE = 0.4;
const FAILURE_CHANCE = 0.2;
const FORTUNE_CHANCE = 0.02;
const MAX_WEI = 1_000_000;
/** A fifth of what a client has at first: after some of these its other transactions cannot be paid for any more. */
const FORTUNE_WEI = 2n * 10n ** 18n;
const TRANSFER_GAS = 21_000n;
const GWEI = 10n ** 9n;
const MAX_FEE_GWEI = 10;
const BASE_FEE_ROOM = 2n * GWEI;

type Offer = Extract<TransactionFields, { type: 'eip1559' }>;

interface Wish {
  readonly to: Address | null;
  readonly value: bigint;
  readonly data: Hex;
  readonly gasLimit: bigint;
}

export interface RealClientsOptions {
  readonly world: World;
  readonly work: AsyncWork;
  readonly options: Options;
  readonly chainId: number;
  readonly keys: readonly ClientKey[];
  /** Of an account, in the durable head of a node. */
  readonly nonceOf: (place: number, address: Address) => number;
  readonly observe: Observe;
  /** Where a contract is going to be, or would have been. */
  readonly onContract: (address: Address) => void;
}

export class RealClients implements Clients {
  readonly #nodes: readonly ClientNode[];
  readonly #options: RealClientsOptions;
  readonly #random: Random;
  /** By account: what was sent, by nonce; several where a nonce was used twice. */
  readonly #sent: Uint8Array[][][];
  readonly #contracts: Address[] = [];

  constructor(nodes: readonly ClientNode[], options: RealClientsOptions) {
    this.#nodes = nodes;
    this.#options = options;
    this.#random = options.world.stream('workload');
    this.#sent = options.keys.map(() => []);
  }

  start(): void {
    const { world, options } = this.#options;
    if (options.transfersPerMinute === 0) return;
    world.after(this.#random.waiting(US_PER_MINUTE / options.transfersPerMinute), () => {
      this.#act();
      this.start();
    });
  }

  submit(node: ClientNode, transaction: Uint8Array): boolean {
    const { world, observe } = this.#options;
    world.trace.note(world.nowUs, 'client', node.place);
    observe({ type: 'submitted', node: node.place, transaction });
    return node.life?.submit(transaction) ?? false;
  }

  #act(): void {
    const random = this.#random;
    const { keys, nonceOf } = this.#options;
    const node = random.pick(this.#nodes);
    const account = random.below(keys.length);
    const [key, sent] = [keys[account], this.#sent[account]];
    if (node.life === null || key === undefined || sent === undefined) return;
    const next = nonceOf(node.place, key.address);
    const waiting = sent[next];
    const resend = waiting !== undefined && (sent.length - next >= MAX_OUTSTANDING || random.chance(RESEND_CHANCE));
    if (resend && !random.chance(DOUBLE_SPEND_CHANCE)) return void this.submit(node, random.pick(waiting));
    const nonce = resend ? next : sent.length;
    const wish = this.#wish();
    const maxPriorityFeePerGas = GWEI * BigInt(1 + random.below(MAX_FEE_GWEI));
    if (wish.to === null) this.#expectContract(createdAddress(key.address, BigInt(nonce)));
    this.#signed(key, { ...wish, nonce: BigInt(nonce), maxPriorityFeePerGas }, (transaction) => {
      sent[nonce] = [...(sent[nonce] ?? []), transaction];
      this.submit(node, transaction);
    });
  }

  #wish(): Wish {
    const random = this.#random;
    if (random.chance(DEPLOY_CHANCE)) return { to: null, value: 0n, data: VISITS_DEPLOYMENT, gasLimit: DEPLOYMENT_GAS };
    if (this.#contracts.length > 0 && random.chance(VISIT_CHANCE)) {
      const data: Hex = random.chance(FAILURE_CHANCE) ? '0x01' : '0x';
      return { to: random.pick(this.#contracts), value: 0n, data, gasLimit: VISIT_GAS };
    }
    const value = random.chance(FORTUNE_CHANCE) ? FORTUNE_WEI : BigInt(1 + random.below(MAX_WEI));
    return { to: random.pick(this.#options.keys).address, value, data: '0x', gasLimit: TRANSFER_GAS };
  }

  /** Between two events: the library blinds its arithmetic with randomness, which no event may draw (and no signature shows). */
  #signed(
    { secret }: ClientKey,
    wish: Wish & Pick<Offer, 'nonce' | 'maxPriorityFeePerGas'>,
    done: (transaction: Uint8Array) => void,
  ): void {
    const { work, world, chainId } = this.#options;
    const maxFeePerGas = wish.maxPriorityFeePerGas + BASE_FEE_ROOM;
    const fields: Offer = { type: 'eip1559', chainId: BigInt(chainId), accessList: [], maxFeePerGas, ...wish };
    const sign = async () => fromHex(signTransaction(fields, secret).raw);
    work.track(sign).then(
      (transaction) => world.after(0, () => done(transaction)),
      (error) =>
        world.after(0, () => {
          throw error;
        }),
    );
  }

  #expectContract(address: Address): void {
    this.#contracts.push(address);
    this.#options.onContract(address);
  }
}
