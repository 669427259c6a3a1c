/**
 * Evidence that proves nothing, comes too late, or comes again and again. Whoever accuses falsely is to blame, whoever is late is not;
 * nobody honest loses anything either way.
 */
import type { Hash } from '../../base/types.ts';
import { decodePayload, decodeSeal } from '../../consensus/pos/codec.ts';
import { indexedAttestation } from '../../consensus/pos/committees.ts';
import { attestationRoot } from '../../consensus/pos/signing.ts';
import { stateInEpoch } from '../../consensus/pos/states.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { AttestationData, Epoch, IndexedAttestation, Offence, SignedProposal } from '../../consensus/pos/types.ts';
import { type BehaviourFactory, repeatedly } from './behaviour.ts';
import { randomHash } from './mutation.ts';
import { Insider } from './pos-insider.ts';

/** Null where it has nothing to make it of yet. */
export type Accuse = (insider: Insider) => Offence | null;

const INTERVAL_MS = 4_000;
const MAX_LOOKED_AT = 8;

/** The last proposals of the chain, the newest first: signed by others, for one block each. */
function proposals(insider: Insider): SignedProposal[] {
  const { turn } = insider;
  const found: SignedProposal[] = [];
  let at = turn?.state.head;
  while (turn !== null && at !== undefined && at.header.number > 0 && found.length < MAX_LOOKED_AT) {
    found.push({ ...decodeSeal(at.seal), slot: Number(at.facts.carried), block: at.hash });
    at = turn.context.chain.get(at.header.parentHash);
  }
  return found;
}

/** Votes that the last blocks carry, with their voters. */
function votes(insider: Insider): IndexedAttestation[] {
  const { turn } = insider;
  if (turn === null) return [];
  return proposals(insider).flatMap(({ block }) => {
    const payload = turn.context.chain.block(block)?.payload;
    return (payload === undefined ? [] : decodePayload(payload).attestations).flatMap((vote) => {
      const judge = stateInEpoch(turn, vote.data.target.root, vote.data.target.epoch);
      return judge === undefined ? [] : [indexedAttestation(insider.rules.settings, judge, vote)];
    });
  });
}

export const FALSE_EVIDENCE: ReadonlyMap<string, Accuse> = new Map<string, Accuse>([
  [
    'one vote twice',
    (insider) => {
      const [vote] = votes(insider);
      return vote === undefined ? null : { type: 'votes', first: vote, second: vote };
    },
  ],
  [
    'two votes that do not contradict',
    (insider) => {
      const [vote, ...others] = votes(insider);
      const other = others.find(({ data }) => data.target.epoch !== vote?.data.target.epoch);
      return vote === undefined || other === undefined ? null : { type: 'votes', first: vote, second: other };
    },
  ],
  [
    'a vote that another is said to have cast',
    (insider) => {
      const [vote] = votes(insider);
      if (vote === undefined) return null;
      return { type: 'votes', first: vote, second: { ...vote, data: { ...vote.data, head: randomHash(insider.tools.random) } } };
    },
  ],
  [
    'a voter twice',
    (insider) => {
      const [vote] = votes(insider);
      if (vote === undefined) return null;
      const indices = [...vote.indices, ...vote.indices];
      return {
        type: 'votes',
        first: { ...vote, indices },
        second: { ...vote, indices, data: { ...vote.data, head: randomHash(insider.tools.random) } },
      };
    },
  ],
  [
    'one proposal twice',
    (insider) => {
      const [proposal] = proposals(insider);
      return proposal === undefined ? null : { type: 'proposals', first: proposal, second: proposal };
    },
  ],
  [
    'proposals of two slots',
    (insider) => {
      const [first, ...others] = proposals(insider);
      const second = others.find(({ proposer }) => proposer === first?.proposer);
      return first === undefined || second === undefined ? null : { type: 'proposals', first, second };
    },
  ],
  [
    'a proposal that another is said to have made',
    (insider) => {
      const [first] = proposals(insider);
      return first === undefined ? null : { type: 'proposals', first, second: { ...first, block: randomHash(insider.tools.random) } };
    },
  ],
]);

/** Two votes for one target of a validator of its own, which nobody has heard of; each time others. */
function ownOffence({ turn, rules, tools }: Insider, epoch: Epoch): Offence | null {
  const validators = turn?.state.anchor.state.validators ?? [];
  const voter = validators.findIndex(({ publicKey }) => publicKey === tools.signers[0]?.publicKey);
  const [signer] = tools.signers;
  if (signer === undefined || voter < 0) return null;
  const sign = (root: Hash): IndexedAttestation => {
    const slot = epoch * rules.settings.slotsPerEpoch;
    const data: AttestationData = { slot, committee: 0, head: root, source: { epoch: 0, root }, target: { epoch, root } };
    return { data, indices: [voter], signature: signer.sign(attestationRoot(rules.params, data)) };
  };
  return { type: 'votes', first: sign(randomHash(tools.random)), second: sign(randomHash(tools.random)) };
}

export const LATE_EVIDENCE: ReadonlyMap<string, Accuse> = new Map<string, Accuse>([
  // Each of them is true; who is guilty once need not be convicted twice.
  ['again and again', (insider) => ownOffence(insider, epochOf(insider.rules.settings, insider.slot))],
  [
    'of long ago',
    (insider) => {
      const epoch = epochOf(insider.rules.settings, insider.slot) - insider.rules.settings.unbondingEpochs;
      return epoch < 0 ? null : ownOffence(insider, epoch);
    },
  ],
]);

/** Accuses every few seconds. */
export function accusing(kinds: readonly Accuse[]): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    const accuse = () => {
      const offence = tools.random.pick(kinds)(insider);
      if (offence !== null) insider.tell({ type: 'evidence', offence });
    };
    return { engine: (honest) => insider.around(honest), begin: () => repeatedly(tools, INTERVAL_MS, accuse) };
  };
}

export const falseEvidence: BehaviourFactory = accusing([...FALSE_EVIDENCE.values()]);
export const lateEvidence: BehaviourFactory = accusing([...LATE_EVIDENCE.values()]);
