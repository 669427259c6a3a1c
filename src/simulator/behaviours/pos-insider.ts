/**
 * A validator that does not follow the protocol: it knows what its honest engine inside knows, has its keys, and signs with them
 * whatever it likes. What it cannot do is sign for others.
 */
import type { Signer } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { AnyEngine, Context } from '../../consensus/engine.ts';
import { bitsOf, committeeOf, dutiesOf, indexedAttestation } from '../../consensus/pos/committees.ts';
import { checkpointOf } from '../../consensus/pos/forkchoice.ts';
import { encode, type PosMessage } from '../../consensus/pos/messages.ts';
import type { PosRules } from '../../consensus/pos/rules.ts';
import { attestationRoot } from '../../consensus/pos/signing.ts';
import type { PosEffect, PosState, Turn } from '../../consensus/pos/state.ts';
import { stateInEpoch } from '../../consensus/pos/states.ts';
import { epochOf, slotAt } from '../../consensus/pos/time.ts';
import type { Attestation, AttestationData, Slot, StakeState, ValidatorIndex } from '../../consensus/pos/types.ts';
import type { Packet } from '../packets.ts';
import { posRulesOf } from '../subjects/pos-rules.ts';
import { type Tools, withStep } from './behaviour.ts';

export interface Voter {
  readonly index: ValidatorIndex;
  readonly signer: Signer;
}

/** What validators of one committee may say in a slot. */
export interface Ballot {
  readonly data: AttestationData;
  /** The state that says who may vote. */
  readonly judge: StakeState;
  readonly committee: readonly ValidatorIndex[];
  /** Its own among them, at least one. */
  readonly voters: readonly Voter[];
}

export class Insider {
  readonly tools: Tools;
  readonly rules: PosRules;
  readonly #signers: ReadonlyMap<string, Signer>;
  #seen: { readonly state: PosState; readonly context: Context } | null = null;

  constructor(tools: Tools) {
    this.tools = tools;
    this.rules = posRulesOf(tools.params, tools.signatures);
    this.#signers = new Map(tools.signers.map((signer) => [signer.publicKey, signer]));
  }

  /** The engine inside, whose effects pass through `change`. */
  around(honest: AnyEngine, change: (effects: readonly PosEffect[]) => readonly PosEffect[] = (effects) => effects): AnyEngine {
    return withStep(honest, (state, event, context) => {
      this.#seen = { state, context };
      return change(honest.step(state, event, context));
    });
  }

  /** By its own clock. */
  get slot(): Slot {
    const { chain, wallMs } = this.tools;
    const genesisSeconds = chain()?.genesis.header.timestamp ?? 0;
    return chain() === null ? 0 : Math.max(0, slotAt(this.rules.settings, genesisSeconds, wallMs()));
  }

  /** To look through the eyes of the engine inside; what is decided in it has no effect. Null while the node is down. */
  get turn(): Turn | null {
    const chain = this.tools.chain();
    if (this.#seen === null || chain === null) return null;
    const { state, context } = this.#seen;
    return { rules: this.rules, state, context: { ...context, chain }, effects: [], fresh: new Map() };
  }

  /** What its validators may say in this slot for this head; nothing where the head is unknown or older than what is final. */
  ballots(slot: Slot, head: Hash): readonly Ballot[] {
    const { turn } = this;
    const { settings } = this.rules;
    const epoch = epochOf(settings, slot);
    const root = turn && checkpointOf(turn.state.store, head, epoch);
    const judge = turn && root && stateInEpoch(turn, root, epoch);
    if (!root || !judge) return [];
    const duties = dutiesOf(settings, judge, epoch);
    return Array.from({ length: duties.committeesPerSlot }, (_, committee): Ballot => {
      const members = committeeOf(settings, duties, slot, committee);
      const data = { slot, committee, head, source: judge.currentJustified, target: { epoch, root } };
      return { data, judge, committee: members, voters: members.flatMap((index) => this.#voter(judge, index) ?? []) };
    }).filter(({ voters }) => voters.length > 0);
  }

  /** The vote of its validators, as a ballot has it or with other data. */
  vote({ data, committee, voters }: Ballot, said: AttestationData = data): Attestation {
    const message = attestationRoot(this.rules.params, said);
    return {
      data: said,
      bits: bitsOf(committee, new Set(voters.map(({ index }) => index))),
      signature: this.rules.signatures.aggregate(voters.map(({ signer }) => signer.sign(message))),
    };
  }

  /** Whether nobody else has a part in this vote. */
  isOwn(vote: Attestation): boolean {
    const { turn } = this;
    const { target } = vote.data;
    const judge = turn && stateInEpoch(turn, target.root, target.epoch);
    if (!judge) return false;
    const { indices } = indexedAttestation(this.rules.settings, judge, vote);
    return indices.every((index) => this.#voter(judge, index) !== null);
  }

  /** The own key of a validator, if it is one's own. */
  signerOf({ validators }: Pick<StakeState, 'validators'>, index: ValidatorIndex): Signer | undefined {
    return this.#signers.get(validators[index]?.publicKey ?? '');
  }

  /** Past the engine inside, as gossip, to all whom it knows or to some of them. */
  tell(message: PosMessage, peers: readonly number[] = this.tools.peers()): void {
    const packet: Packet = { type: 'message', bytes: encode(message), gossip: true };
    for (const peer of peers) this.tools.send(peer, packet);
  }

  #voter(judge: StakeState, index: ValidatorIndex): Voter | null {
    const signer = this.signerOf(judge, index);
    return signer === undefined || judge.validators[index]?.slashed === true ? null : { index, signer };
  }
}

/** Its own votes among these effects, and the others. */
export function ownVotes(insider: Insider, effects: readonly PosEffect[]): { own: Attestation[]; rest: PosEffect[] } {
  const own: Attestation[] = [];
  const rest = effects.filter((effect) => {
    if (effect.type !== 'send' || effect.message.type !== 'vote' || !insider.isOwn(effect.message.vote)) return true;
    own.push(effect.message.vote);
    return false;
  });
  return { own, rest };
}
