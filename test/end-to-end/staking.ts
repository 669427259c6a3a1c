/** What tests ask of a proof-of-stake network, in one line each. */
import type { NodeStatus } from '../../src/node/status.ts';
import { Hopeless, until } from '../support/processes.ts';
import { ask, statusOf } from './rpc.ts';

/** Of the networks that `synod testnet` makes. */
export const SLOTS_PER_EPOCH = 4;
/** Several epochs, on a machine that has much else to do. */
export const EPOCHS_PATIENCE_MS = 180_000;

/**
 * What the protocol promises, and no machine is too busy for: of four epochs in a row in which two thirds have voted, the first two
 * finalize something, and there is time enough to certify it.
 */
const GOOD_EPOCHS = 4;
const QUORUM = 2 / 3;

/** One of `synod_getValidators`. Amounts are in gwei, in decimal. */
export interface Validator {
  readonly index: number;
  readonly publicKey: string;
  readonly status: string;
  readonly balance: string;
  readonly slashed: boolean;
  readonly activationEpoch: number;
  readonly exitEpoch: number | null;
  readonly withdrawableEpoch: number | null;
  readonly isOurs: boolean;
}

/** What `synod_status` says of the engine. */
export interface StakingStatus {
  readonly slot: number;
  readonly epoch: number;
  readonly keys: number;
  readonly counts: { readonly [what in 'proposed' | 'missed' | 'voted' | 'offences' | 'clockJumps']: number };
}

export const stakingOf = (status: NodeStatus) => status.consensus as unknown as StakingStatus;
export const finalOf = async (url: string): Promise<number> => (await statusOf(url)).finalized.number;
export const validatorsOf = (url: string) => ask<Validator[]>(url, 'synod_getValidators');
export const checkpointsOf = (url: string) => ask<{ slot: number; epoch: number }>(url, 'synod_getCheckpoints');
/** Of the epoch before the current one: what part of the stake voted for the right target. */
export const participationOf = async (url: string) =>
  (await ask<{ previous: { epoch: number; share: number } }>(url, 'synod_getParticipation')).previous;
export const epochOf = async (url: string): Promise<number> => (await checkpointsOf(url)).epoch;

/** How often the validators of a node have signed since it was started. */
export async function signaturesOf(url: string): Promise<number> {
  const { counts } = stakingOf(await statusOf(url));
  return counts.proposed + counts.voted;
}

/** Waits until all of these nodes hold a block of at least this height final. */
export async function untilFinal(urls: readonly string[], height: number): Promise<void> {
  const isFinal = async () => (await Promise.all(urls.map(finalOf))).every((final) => final >= height);
  await until(`height ${height} is final`, isFinal, EPOCHS_PATIENCE_MS);
}

export async function untilEpoch(url: string, epoch: number): Promise<void> {
  await until(`epoch ${epoch}`, async () => (await epochOf(url)) >= epoch, EPOCHS_PATIENCE_MS);
}

/** Waits until all of these nodes hold something above this height final; fails once the first should, since enough have voted for long enough. */
export async function expectFinalitySoon(urls: readonly string[], above: number): Promise<void> {
  const [url = ''] = urls;
  let last = await participationOf(url);
  let good = 0;
  const isFinal = async () => {
    if ((await finalOf(url)) > above) return true;
    const next = await participationOf(url);
    if (next.epoch === last.epoch) return false;
    good = next.share < QUORUM ? 0 : next.epoch === last.epoch + 1 ? good + 1 : 1;
    last = next;
    if (good > GOOD_EPOCHS)
      throw new Hopeless(`Two thirds have voted in ${good} epochs up to ${next.epoch}, and nothing above ${above} is final`);
    return false;
  };
  await until(`something above ${above} is final`, isFinal, EPOCHS_PATIENCE_MS);
  await untilFinal(urls, above + 1);
}
