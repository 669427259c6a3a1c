/** Members of a PBFT network that do not play by the rules, by name. Each signs what it likes, and can sign for nobody else. */
import { EMPTY } from '../../base/bytes.ts';
import type { Address, Hash } from '../../base/types.ts';
import { type Block, payloadCommitment } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { AnyEngine, Context, Effect } from '../../consensus/engine.ts';
import { Council } from '../../consensus/members/council.ts';
import { type Ballot, Ballots, NEW_VIEW, type Phase, VIEW_CHANGE } from '../../consensus/pbft/ballots.ts';
import { changeDigest, encode, newViewDigest, type PbftMessage, type ViewChange } from '../../consensus/pbft/messages.ts';
import { parseSettings } from '../../consensus/pbft/settings.ts';
import type { PbftState } from '../../consensus/pbft/state.ts';
import type { Votes } from '../../consensus/votes.ts';
import { type BehaviourFactory, repeatedly, type Tools, withStep } from './behaviour.ts';
import { randomBytes, randomHash } from './mutation.ts';

type PbftEffect = Effect<PbftMessage>;
type Change = (effects: readonly PbftEffect[], insider: Insider) => readonly PbftEffect[];

const ADDRESS_BYTES = 20;
const FAR_FUTURE_SECONDS = 3_600;
const OFTEN_MS = 4_000;
const FLOOD_MS = 1_000;
const HALF = 0.5;

/** Knows what the honest engine inside knows, and signs with its key. */
class Insider {
  readonly tools: Tools;
  readonly ballots: Ballots;
  readonly #council: Council;
  state: PbftState | null = null;

  constructor(tools: Tools) {
    this.tools = tools;
    const { params, signatures, signers } = tools;
    this.#council = new Council(params, parseSettings(params.engine.settings, signatures).membership, signatures, signers);
    this.ballots = new Ballots(this.#council, signatures);
  }

  around(honest: AnyEngine, change: Change = (effects) => effects): AnyEngine {
    return withStep(honest, (state: PbftState, event, context: Context) => {
      this.state = state;
      return change(honest.step(state, event, context) as readonly PbftEffect[], this);
    });
  }

  /** Its own place among the members. */
  get member(): number {
    return this.#council.membership.members.findIndex(({ publicKey }) => publicKey === this.#council.signer?.publicKey);
  }

  get size(): number {
    return this.#council.membership.size;
  }

  vote(phase: Phase, ballot: Ballot): Votes {
    return this.#signed(this.ballots.electorate(phase), this.ballots.statement(phase, ballot));
  }

  viewChange(view: number, said: Omit<ViewChange, 'vote'>): ViewChange {
    return { ...said, vote: this.#signed(this.ballots.turns, this.ballots.turnStatement(VIEW_CHANGE, view, changeDigest(said))) };
  }

  newView(view: number, changes: readonly ViewChange[]): PbftMessage {
    const statement = this.ballots.turnStatement(NEW_VIEW, view, newViewDigest(this.ballots, changes));
    return { type: 'newView', newView: { changes, vote: this.#signed(this.ballots.turns, statement) } };
  }

  tell(message: PbftMessage, peers: readonly number[] = this.tools.peers()): void {
    const bytes = encode(this.ballots, message);
    for (const peer of peers) this.tools.send(peer, { type: 'message', bytes });
  }

  #signed(electorate: Ballots['turns'], statement: Uint8Array): Votes {
    const { signer } = this.#council;
    if (signer === null) return { members: [0], signature: EMPTY, statement };
    return electorate.vote(this.member, signer, statement);
  }
}

/** Another proposal with the primary's good signature. */
function proposalOf(insider: Insider, block: Block, view: number): PbftMessage {
  const ballot = { view, height: block.header.number, hash: hashHeader(block.header) };
  return { type: 'preprepare', block, vote: insider.vote('prepare', ballot) };
}

function changing(change: Change): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    return { engine: (honest) => insider.around(honest, change) };
  };
}

/** Acts now and then, of its own accord. */
function acting(meanMs: number, act: (insider: Insider, state: PbftState) => void): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    return {
      engine: (honest) => insider.around(honest),
      begin: () =>
        repeatedly(tools, meanMs, () => {
          if (insider.state !== null && tools.chain() !== null) act(insider, insider.state);
        }),
    };
  };
}

/** As primary, proposes one block to some and another, just as good, to the rest. */
const equivocating = changing((effects, insider) => {
  const { random } = insider.tools;
  const others = new Map<Hash, Block>();
  return effects.map((effect) => {
    if (effect.type !== 'send' || effect.message.type !== 'preprepare' || random.chance(HALF)) return effect;
    const { block } = effect.message;
    const hash = hashHeader(block.header);
    const other = others.get(hash) ?? {
      ...block,
      header: { ...block.header, beneficiary: randomHash(random).slice(0, 2 + 2 * ADDRESS_BYTES) as Address },
    };
    others.set(hash, other);
    return { ...effect, message: proposalOf(insider, other, insider.state?.entered.view ?? 0) };
  });
});

/** Says of every vote of its own to some that it was for another block. */
const doubleVoting = changing((effects, insider) =>
  effects.map((effect) => {
    if (effect.type !== 'send' || effect.message.type !== 'vote' || effect.message.vote.members[0] !== insider.member) return effect;
    if (insider.tools.random.chance(HALF)) return effect;
    const { phase, vote } = effect.message;
    const ballot = insider.ballots.ballotOf(phase, vote);
    const hash = insider.tools.chain()?.head.hash ?? ballot.hash;
    return { ...effect, message: { type: 'vote', phase, vote: insider.vote(phase, { ...ballot, hash }) } };
  }),
);

/** Says everything but what only a primary can say. */
const silentPrimary = changing((effects) =>
  effects.filter((effect) => effect.type !== 'send' || (effect.message.type !== 'preprepare' && effect.message.type !== 'newView')),
);

/** Begins views, and proposes nothing in them. */
const idlePrimary = changing((effects) => effects.filter((effect) => effect.type !== 'send' || effect.message.type !== 'preprepare'));

/** Proposes blocks that are wrong in one way each, with a good signature. */
const wrongProposals = changing((effects, insider) => {
  const { random } = insider.tools;
  const view = insider.state?.entered.view ?? 0;
  const payload = randomBytes(random, 8);
  const wrong: readonly ((block: Block) => Block)[] = [
    (block) => ({ ...block, header: { ...block.header, stateRoot: randomHash(random) } }),
    (block) => ({ ...block, header: { ...block.header, parentHash: insider.tools.chain()?.genesis.hash ?? randomHash(random) } }),
    (block) => ({ ...block, header: { ...block.header, timestamp: block.header.timestamp + FAR_FUTURE_SECONDS } }),
    (block) => ({ ...block, header: { ...block.header, timestamp: 0 } }),
    (block) => ({ ...block, header: { ...block.header, number: block.header.number + 1 } }),
    (block) => ({ ...block, header: { ...block.header, nonce: '0x00000000000fffff' } }),
    (block) => ({ ...block, header: { ...block.header, mixHash: randomHash(random) } }),
    (block) => ({ ...block, seal: Uint8Array.of(1) }),
    (block) => ({ ...block, payload, header: { ...block.header, extraData: payloadCommitment(payload), difficulty: 1n } }),
  ];
  const spoil = random.pick(wrong);
  return effects.map((effect) => {
    if (effect.type !== 'send' || effect.message.type !== 'preprepare') return effect;
    return { ...effect, message: proposalOf(insider, spoil(effect.message.block), view) };
  });
});

/** Proposes in the place of others, and other than what a view must begin with. */
const usurping = acting(OFTEN_MS, (insider, state) => {
  const chain = insider.tools.chain();
  const block = chain?.block(chain.head.hash);
  if (chain === null || block === undefined) return;
  const header = { ...block.header, number: chain.head.header.number + 1, parentHash: chain.head.hash };
  insider.tell(proposalOf(insider, { ...block, header }, state.entered.view + insider.tools.random.below(2)));
});

/** View changes and new views whose certificates prove nothing, are stale, or are for something else. */
const forgedCertificates = acting(OFTEN_MS, (insider, state) => {
  const { random } = insider.tools;
  const own = insider.ballots.electorate('prepare');
  const height = (state.committed?.height ?? 0) + 1;
  const hash = randomHash(random);
  const checkpoint = state.committed?.certificate ?? EMPTY;
  const alone = own.encode(insider.vote('prepare', { view: state.entered.view, height, hash }));
  const flipped = state.prepared === null ? alone : state.prepared.certificate.map((byte, i) => (i === 30 ? byte ^ 1 : byte));
  const everybody = own.encode({
    members: Array.from({ length: insider.size }, (_, member) => member),
    signature: insider.vote('prepare', { view: state.entered.view, height, hash }).signature,
    statement: insider.ballots.statement('prepare', { view: state.entered.view, height, hash }),
  });
  const view = state.view + 1 + random.below(2);
  const said = random.pick([
    { checkpoint, prepared: alone },
    { checkpoint, prepared: flipped },
    { checkpoint, prepared: everybody },
    { checkpoint: EMPTY, prepared: state.prepared?.certificate ?? alone },
    { checkpoint: checkpoint.map((byte, i) => (i === 40 ? byte ^ 1 : byte)), prepared: EMPTY },
    { checkpoint: randomBytes(random, 200), prepared: EMPTY },
    // As if it had seen nothing: that is allowed, and must not matter.
    { checkpoint: EMPTY, prepared: EMPTY },
  ]);
  const change = insider.viewChange(view, said);
  const block = state.prepared?.block ?? null;
  insider.tell({ type: 'viewChange', change, block: said.prepared.length === 0 ? null : block });
  if (random.chance(HALF)) insider.tell(insider.newView(view, [change]));
  if (random.chance(HALF)) insider.tell({ type: 'certificate', certificate: random.pick([said.checkpoint, said.prepared]) });
});

/** Wants ever later views. */
const viewChangeFlood: BehaviourFactory = (tools) => {
  let view = 0;
  return acting(FLOOD_MS, (insider, state) => {
    view = Math.max(view, state.view) + 1 + tools.random.below(3);
    const change = insider.viewChange(view, { checkpoint: state.committed?.certificate ?? EMPTY, prepared: EMPTY });
    insider.tell({ type: 'viewChange', change, block: null });
  })(tools);
};

/** Votes for what nobody proposed, for times that have not come, in the name of others. */
const mutatedVotes = acting(FLOOD_MS, (insider, state) => {
  const { random } = insider.tools;
  const phase: Phase = random.chance(HALF) ? 'prepare' : 'commit';
  const height = (state.committed?.height ?? 0) + 1;
  const ballot = random.pick<Ballot>([
    { view: state.entered.view, height, hash: randomHash(random) },
    { view: state.entered.view + random.below(100), height, hash: randomHash(random) },
    { view: state.entered.view, height: height + random.below(1_000), hash: randomHash(random) },
    { view: Number.MAX_SAFE_INTEGER, height: Number.MAX_SAFE_INTEGER, hash: randomHash(random) },
  ]);
  const vote = insider.vote(phase, ballot);
  const other = random.pick([insider.member, random.below(insider.size), 200]);
  insider.tell({ type: 'vote', phase, vote: { ...vote, members: [other] } });
});

/** Accuses others of what it has signed itself, or of nothing; answers reads with claims that it cannot prove. */
const falseWitness = acting(OFTEN_MS, (insider, state) => {
  const { random } = insider.tools;
  const height = (state.committed?.height ?? 0) + 1;
  const [first, second] = [0, 1].map(() => insider.vote('prepare', { view: state.entered.view, height, hash: randomHash(random) }));
  if (first === undefined || second === undefined) return;
  const other = random.below(insider.size);
  const blamed = (vote: Votes): Votes => ({ ...vote, members: [other] });
  insider.tell({
    type: 'evidence',
    evidence: { phase: 'prepare', votes: random.chance(HALF) ? [blamed(first), blamed(second)] : [first, first] },
  });
  const prepared = insider.ballots.electorate('prepare').encode(first);
  for (let number = 1; number < 50; number++) {
    insider.tell({ type: 'answer', read: { incarnation: 1, number }, committed: EMPTY, prepared });
  }
  insider.tell({ type: 'status', status: { view: Number.MAX_SAFE_INTEGER, isChanging: true, height: 2 ** 40, progress: 'prepared' } });
});

export const PBFT_BEHAVIOURS: ReadonlyMap<string, BehaviourFactory> = new Map([
  ['equivocating', equivocating],
  ['doubleVoting', doubleVoting],
  ['silentPrimary', silentPrimary],
  ['idlePrimary', idlePrimary],
  ['wrongProposals', wrongProposals],
  ['usurping', usurping],
  ['forgedCertificates', forgedCertificates],
  ['viewChangeFlood', viewChangeFlood],
  ['mutatedVotes', mutatedVotes],
  ['falseWitness', falseWitness],
]);
