/**
 * Light verification: which block is final, from headers, seals and payloads alone, beginning at a block that is trusted. Every
 * rule of stake is checked as a node checks it (`transition.ts`): who may propose, all signatures, votes, offences, what is
 * justified and final. What cannot be checked without executing transactions is left to the two thirds of the stake who have
 * done so before they voted: roots of the ledger, and that a payload repeats what the staking contract said.
 *
 * The trusted block is genesis, whose state is in the genesis file, or any other by its hash: its payload names the root of the state
 * after its parent, so that state may come from anybody.
 */
import { RuleError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { checkPayload } from '../../chain/block.ts';
import { type Header, hashHeader } from '../../chain/header.ts';
import type { LightBlock } from '../../chain/light-block.ts';
import type { HeaderNode, HeaderView } from '../../chain/tree.ts';
import { decodePayload, decodeSeal } from './codec.ts';
import { genesisState } from './genesis.ts';
import { unrealizedCheckpoints } from './justification.ts';
import { genesisFacts, type PosRules, slotOf, verifyHeader } from './rules.ts';
import { decodeState, stateRoot } from './state-codec.ts';
import { epochOf, slotOfTimestamp } from './time.ts';
import { processBlock } from './transition.ts';
import type { Epoch, StakeState } from './types.ts';

/** Blocks that others may build on, and whose headers certificates may name: those of the last epochs. */
const KEPT_EPOCHS = 8;

/** A block and the state after it. */
interface Point {
  readonly node: HeaderNode;
  readonly state: StakeState;
}

export interface Finalized {
  readonly epoch: Epoch;
  readonly block: HeaderNode;
}

/** From genesis, which the genesis file makes trusted. */
export function lightGenesis(rules: PosRules, header: Header): LightChain {
  const node: HeaderNode = { header, seal: new Uint8Array(0), hash: hashHeader(header), facts: genesisFacts() };
  return new LightChain(rules, header.timestamp, node, genesisState(rules.settings, header));
}

/**
 * From a block whose hash is trusted: `parentState` is what somebody says is the state after its parent, encoded. Throws RuleError
 * `light/checkpoint` for another block, `light/state` for another state, those of the block's rules, and DecodeError.
 */
export function lightFrom(rules: PosRules, genesis: Header, trusted: Hash, block: LightBlock, parentState: Uint8Array): LightChain {
  const { header, seal } = block;
  const hash = hashHeader(header);
  if (hash !== trusted) refuse('checkpoint', `The block that was given for the checkpoint ${trusted} has the hash ${hash}.`);
  checkPayload(block);
  const payload = decodePayload(block.payload);
  const state = decodeState(parentState);
  const root = stateRoot(state);
  if (root !== payload.parentState || state.block !== header.parentHash) {
    refuse('state', `The state that was given has the root ${root}; block ${hash} names ${payload.parentState} for its parent.`);
  }
  const slot = slotOfTimestamp(rules.settings, genesis.timestamp, header.timestamp);
  if (slot === null)
    return refuse('checkpoint', `Block ${hash} has the time ${header.timestamp}, at which no slot of this network begins.`);
  const after = processBlock(rules, state, { slot, header, payload, seal: decodeSeal(seal) }, { verify: true });
  const facts = { weight: BigInt(header.number), carried: BigInt(slot) };
  return new LightChain(rules, genesis.timestamp, { header, seal, hash, facts }, after);
}

/** Blocks on top of a trusted one, on any branch. Once something is final, branches that conflict with it are dropped. */
export class LightChain implements HeaderView {
  readonly #rules: PosRules;
  readonly #genesisSeconds: number;
  /** The finalized block and descendants of it, parents first. */
  readonly #points = new Map<Hash, Point>();
  #tip: Point;
  #finalized: Finalized;

  constructor(rules: PosRules, genesisSeconds: number, trusted: HeaderNode, after: StakeState) {
    this.#rules = rules;
    this.#genesisSeconds = genesisSeconds;
    this.#tip = { node: trusted, state: after };
    this.#points.set(trusted.hash, this.#tip);
    this.#finalized = { epoch: epochOf(rules.settings, slotOf(trusted)), block: trusted };
  }

  /** The block that was followed last. */
  get tip(): HeaderNode {
    return this.#tip.node;
  }

  /** The state after it. */
  get state(): StakeState {
    return this.#tip.state;
  }

  /** What all these blocks together prove final; the trusted block at first. */
  get finalized(): Finalized {
    return this.#finalized;
  }

  /** The last blocks, down to the finalized one. */
  get(hash: Hash): HeaderNode | undefined {
    return this.#points.get(hash)?.node;
  }

  /**
   * Throws RuleError `light/parent` for a block that does not follow a known one, and those of the block's rules. With `verify`
   * false signatures are taken as good: for blocks that are known to lead to a trusted one.
   */
  follow(block: LightBlock, wallMs: number, { verify } = { verify: true }): HeaderNode {
    const { header, seal } = block;
    const parent = this.#points.get(header.parentHash);
    if (parent === undefined) {
      const { number } = this.tip.header;
      return refuse(
        'parent',
        `Block ${header.number} follows ${header.parentHash}, which is none of the blocks up to ${number} (${this.tip.hash}).`,
      );
    }
    checkPayload(block);
    const facts = verifyHeader(this.#rules, block, parent.node, wallMs);
    const hash = hashHeader(header);
    const stakeBlock = { slot: Number(facts.carried), header, payload: decodePayload(block.payload), seal: decodeSeal(seal) };
    const state = processBlock(this.#rules, parent.state, stakeBlock, { verify });
    this.#tip = { node: { header, seal, hash, facts }, state };
    this.#points.set(hash, this.#tip);
    this.#finalize();
    this.#forget();
    return this.#tip.node;
  }

  /** The same point, trusted. */
  trusted(): LightChain {
    return new LightChain(this.#rules, this.#genesisSeconds, this.#tip.node, this.#tip.state);
  }

  /** Votes that are in the blocks count now, without waiting for the end of the epoch. */
  #finalize(): void {
    const { epoch, root } = unrealizedCheckpoints(this.#rules.settings, this.#tip.state).finalized;
    // What lies below the trusted block is not known here, and final anyway.
    const block = this.get(root);
    if (block === undefined || block.header.number <= this.#finalized.block.header.number) return;
    this.#finalized = { epoch, block };
    const kept = new Set([root]);
    for (const [hash, { node }] of this.#points) {
      if (kept.has(node.header.parentHash)) kept.add(hash);
      else if (hash !== root) this.#points.delete(hash);
    }
  }

  /** While nothing becomes final, old blocks are forgotten: nothing that is to come can name them. */
  #forget(): void {
    const limit = KEPT_EPOCHS * this.#rules.settings.slotsPerEpoch;
    for (const hash of this.#points.keys()) {
      if (this.#points.size <= limit) return;
      this.#points.delete(hash);
    }
  }
}

function refuse(rule: string, message: string): never {
  throw new RuleError(`light/${rule}`, message);
}
