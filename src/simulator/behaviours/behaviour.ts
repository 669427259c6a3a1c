/**
 * How a node misbehaves: an honest node inside, and around it somebody who changes what it decides and says. The inside
 * stays honest so that an adversary knows what everybody knows and is believed for as long as it can be.
 */
import type { Random } from '../../base/random.ts';
import type { Signatures, Signer } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import type { PeerStatus } from '../../sync/types.ts';
import type { Packet } from '../packets.ts';
import type { ProofOracle } from '../sealer.ts';
import type { Balances } from '../transfers.ts';

export interface Behaviour {
  /** Changes the engine's decisions. Called at each start of the node. */
  engine?(honest: AnyEngine): AnyEngine;
  /** What leaves the node instead of this packet, in order; nothing when the list is empty. */
  outgoing?(to: number, packet: Packet): readonly Packet[];
  /** True when it has answered this packet in the honest node's place. */
  answer?(from: number, packet: Packet): boolean;
  /** Called after the honest node has dealt with a packet. */
  received?(from: number, packet: Packet): void;
  /** What it says of itself when it meets a peer. */
  status?(honest: PeerStatus): PeerStatus;
  /** Called once for the run: to act without being asked. */
  begin?(): void;
}

/** What an adversary has. Its power is bounded by this: it can neither forge proofs nor stop others. */
export interface Tools {
  readonly place: number;
  readonly random: Random;
  readonly params: ChainParams;
  /** Its pure functions. */
  readonly engine: AnyEngine;
  readonly oracle: ProofOracle;
  /** Its own keys. */
  readonly signers: readonly Signer[];
  readonly signatures: Signatures;
  /** Hashes a second. */
  readonly hashRate: number;
  nowMs(): number;
  wallMs(): number;
  /** Those it has sessions with. */
  peers(): readonly number[];
  /** Of the honest node inside; null while it is down. */
  chain(): ChainView | null;
  /** After a block, where the ledger is the light one. */
  accounts(hash: Hash): Balances | null;
  /** Sends as it is, past `outgoing`. */
  send(to: number, packet: Packet): void;
  after(delayMs: number, action: () => void): void;
}

export type BehaviourFactory = (tools: Tools) => Behaviour;

/** Calls `act` again and again, at random times, so often on average. */
export function repeatedly(tools: Tools, meanMs: number, act: () => void): void {
  tools.after(tools.random.waiting(meanMs), () => {
    act();
    repeatedly(tools, meanMs, act);
  });
}

/** An engine that answers like another, but for its `step`. */
export function withStep(honest: AnyEngine, step: AnyEngine['step']): AnyEngine {
  const changed = Object.create(honest) as AnyEngine;
  changed.step = step;
  return changed;
}
