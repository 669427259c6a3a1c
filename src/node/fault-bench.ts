/**
 * Everything that can be made to go wrong in a node of a test network while it runs (`--faults`): whom it hears and how, what its
 * clock shows, and what it does that it should not. `set` gives all of it at once, so that a node that was started again can be
 * put back where it was; what is not named is well.
 */
import { RuleError, SynodError } from '../base/errors.ts';
import type { Signer } from '../base/signatures.ts';
import type { NodeId } from '../base/types.ts';
import { encodeBlock } from '../chain/block.ts';
import type { Network } from '../network/host.ts';
import type { LinkFaultStats } from '../network/link-faults.ts';
import type { FaultControl, NodeFaults } from '../rpc/backend.ts';
import { blsSignatures } from '../wallet/bls.ts';
import type { OpenChain } from './chain.ts';
import type { Driver } from './driver.ts';
import { type Liar, type Lie, Misbehaviour, type Self } from './misbehaviour/engine.ts';
import { pbftLiar } from './misbehaviour/pbft.ts';
import { posLiar } from './misbehaviour/pos.ts';
import { powLiar } from './misbehaviour/pow.ts';
import { OffsetClock } from './offset-clock.ts';
import type { ClockPort } from './ports.ts';
import { Withheld } from './withheld.ts';

export type { NodeFaults } from '../rpc/backend.ts';

/** In `synod_status` of a node of a test network. */
export interface FaultStatus extends NodeFaults {
  readonly armed: readonly Lie[];
  /** How often each was said twice. */
  readonly equivocations: Readonly<Record<Lie, number>>;
  /** Blocks that are kept back now. */
  readonly withheld: number;
  readonly messages: LinkFaultStats;
}

const WELL: NodeFaults = { allowed: null, links: [], clockOffsetMs: 0, isIdle: false, isWithholding: false };

const LIARS: ReadonlyMap<string, (self: Self) => Liar> = new Map([
  ['pow', powLiar],
  ['pos', posLiar],
  ['pbft', pbftLiar],
]);

export class FaultBench implements FaultControl {
  readonly clock: OffsetClock;
  readonly withheld: Withheld;
  readonly #misbehaviour: Misbehaviour;
  readonly #network: () => Network;
  readonly #driver: () => Driver;
  readonly #isSigner: boolean;
  #faults: NodeFaults = WELL;
  /** Whether it mined before it was made idle. */
  #hasMined = false;

  /** Network and driver are made after it, and with its help. */
  constructor(
    chain: OpenChain,
    signers: readonly Signer[],
    clock: ClockPort,
    { network, driver }: { network(): Network; driver(): Driver },
  ) {
    this.clock = new OffsetClock(clock);
    this.#network = network;
    this.#driver = driver;
    this.#isSigner = signers.length > 0;
    this.withheld = new Withheld((block) => network().publishBlock(encodeBlock(block)));
    const liar = LIARS.get(chain.engine.name)?.({ params: chain.params, signatures: blsSignatures, signers }) ?? null;
    this.#misbehaviour = new Misbehaviour(chain.engine, liar, (block) => this.withheld.keep(block));
  }

  /** For the driver, in place of the honest one. */
  get engine() {
    return this.#misbehaviour.engine;
  }

  async set(faults: NodeFaults): Promise<void> {
    const before = this.#faults;
    this.#faults = faults;
    const network = this.#network();
    if (before.allowed !== null || faults.allowed !== null) network.setPartition(faults.allowed);
    network.setLinkFaults(faults.links);
    this.clock.offsetMs = faults.clockOffsetMs;
    this.#misbehaviour.isWithholding = faults.isWithholding;
    if (!faults.isWithholding && this.withheld.size > 0) {
      this.withheld.publish();
      network.announceStatus();
    }
    if (faults.isIdle === before.isIdle) return;
    try {
      await this.#setIdle(faults.isIdle);
    } catch (error) {
      this.#faults = { ...faults, isIdle: before.isIdle };
      throw error;
    }
  }

  /** Cuts off all but these, and leaves the rest as it is. */
  async partition(allowed: readonly NodeId[]): Promise<void> {
    await this.set({ ...this.#faults, allowed });
  }

  /** Of what it was told to say twice, too. */
  async heal(): Promise<void> {
    this.#misbehaviour.armed.clear();
    await this.set(WELL);
  }

  /** Throws RuleError `fault/...` where it cannot. */
  equivocate(lie: Lie): void {
    const { engine } = this;
    const canSpeak = engine.name === 'pow' ? this.#isMining() : this.#isSigner;
    if (!canSpeak && LIARS.has(engine.name))
      throw new RuleError('fault/has-no-say', 'This node cannot equivocate: it neither mines nor has a key to sign with.', {
        engine: engine.name,
      });
    this.#misbehaviour.arm(lie);
  }

  status(): FaultStatus {
    const { armed, told } = this.#misbehaviour;
    return {
      ...this.#faults,
      armed: [...armed],
      equivocations: { ...told },
      withheld: this.withheld.size,
      messages: this.#network().stats().links,
    };
  }

  /** A miner is stopped as its operator would; the others' wishes for a block come to nothing (`misbehaviour/`). */
  async #setIdle(isIdle: boolean): Promise<void> {
    if (isIdle) this.#hasMined = this.#isMining();
    this.#misbehaviour.isIdle = isIdle && this.engine.name !== 'pow';
    if (this.engine.name === 'pow' && this.#hasMined) await this.#command(isIdle ? 'miner_stop' : 'miner_start');
  }

  #isMining(): boolean {
    const { mining } = (this.#driver().inspect() ?? {}) as { readonly mining?: { readonly producing: boolean } };
    return mining?.producing === true;
  }

  /** Rejects with the engine's or the driver's refusal. */
  #command(name: string): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#driver().admin({ name, arguments: {} }, (reply) => (reply instanceof SynodError ? reject(reply) : resolve())),
    );
  }
}
