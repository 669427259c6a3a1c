/** What tests ask of a proof-of-stake network, in one line each. */
import { expect } from 'vitest';
import type { NodeStatus } from '../../src/node/status.ts';
import { until } from '../support/processes.ts';
import { ask, statusOf } from './rpc.ts';

/** Of the networks that `synod testnet` makes. */
export const SLOTS_PER_EPOCH = 4;
/** Several epochs, on a machine that has much else to do. */
export const EPOCHS_PATIENCE_MS = 180_000;

/** Of finality, once all vote again; the epoch in which that began comes before them. */
const RECOVERY_EPOCHS = 2;
/** Epochs of four seconds that two busy cores may lose. */
const BUSY_EPOCHS = 3;

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

/**
 * Waits until all of these nodes hold something above this height final, and checks how long that took: from an epoch in which all
 * could vote again, two whole ones, and what a busy machine loses.
 */
export async function expectFinalitySoon(urls: readonly string[], above: number): Promise<void> {
  const [url = ''] = urls;
  const since = await epochOf(url);
  await untilFinal(urls, above + 1);
  const took = (await epochOf(url)) - since;
  expect(took).toBeLessThanOrEqual(1 + RECOVERY_EPOCHS + BUSY_EPOCHS);
}
