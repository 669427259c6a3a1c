/** From "decided" to head and finality: in order, once, by certificates, and never over a contradiction. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { Random } from '../../../src/base/random.ts';
import type { Signatures } from '../../../src/base/signatures.ts';
import type { Hash, NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Effect } from '../../../src/consensus/engine.ts';
import {
  ATTEST_TIMER,
  type AttestationTurn,
  attestHead,
  blockStored,
  type DecisionMessage,
  decodeDecision,
  encodeDecision,
  initAttestations,
  receiveDecision,
  startDecisions,
} from '../../../src/consensus/members/attestations.ts';
import { Council, rulesOf } from '../../../src/consensus/members/council.ts';
import {
  blockChecked,
  decide,
  execute,
  initDecisions,
  keep,
  receiveBlock,
  SETTLE_TIMER,
  settle,
  weighClaims,
} from '../../../src/consensus/members/decisions.ts';
import { type Faults, Membership } from '../../../src/consensus/members/membership.ts';
import { Disk } from '../../../src/simulator/disk.ts';
import { DurableChain, LightChain } from '../../../src/simulator/light-chain.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { World } from '../../../src/simulator/world.ts';
import { chainOn, childOf, factsOf, GENESIS, GENESIS_STORED } from '../../simulator/support.ts';

const NODES = [0, 1, 2, 3, 4].map(placeId);
const [SELF, PEER] = NODES as [NodeId, NodeId];
const [A1, A2, A3] = chainOn(GENESIS.block, 3) as [Block, Block, Block];
const [X1] = chainOn(GENESIS.block, 1, 9) as [Block];
const hashOf = ({ header }: Block): Hash => hashHeader(header);
const decisionOf = (block: Block) => ({ height: block.header.number, hash: hashOf(block) });

const members = NODES.map((node, i) => ({ node, publicKey: TAG_KEYS.signer(i, 0).publicKey }));

function councilOf(place: number | null, faults: Faults = 'crash', signatures: Signatures = TAG_KEYS.signatures): Council {
  const signers = place === null ? [] : [TAG_KEYS.signer(place, 0)];
  return new Council({ ...GENESIS.params, engine: { name: 'test', settings: {} } }, new Membership(members, faults), signatures, signers);
}

type AnyEffect = Effect<DecisionMessage>;

/** One node, whose chain does what it is told; execution is answered when the test says so. */
class Node {
  readonly chain: LightChain;
  readonly council: Council;
  readonly decisions = initDecisions();
  readonly attestations = initAttestations();
  readonly place: number | null;
  seen: AnyEffect[] = [];

  constructor(place: number | null = 0, faults: Faults = 'crash', signatures: Signatures = TAG_KEYS.signatures) {
    this.place = place;
    this.council = councilOf(place, faults, signatures);
    const disk = new Disk(new World(1), new Random(1), { writeUs: 1 });
    this.chain = new LightChain(new DurableChain(GENESIS_STORED), disk.open({ onError: () => undefined }));
  }

  step(act: (turn: AttestationTurn) => void): void {
    const { chain, council, decisions, attestations, place } = this;
    const effects: AnyEffect[] = [];
    const turn = { self: SELF, nowMs: 0, wallMs: 0, random: () => 0.5, chain, council, decisions, attestations, place, effects };
    act(turn);
    settle(turn);
    this.seen = effects;
    for (const effect of effects) {
      if (effect.type === 'insert') chain.insert(effect.block, effect.facts);
      if (effect.type === 'setHead') chain.setHead(effect.hash, () => undefined);
      if (effect.type === 'finalize') chain.finalize(effect.hash, effect.certificate, () => undefined);
    }
  }

  /** The answer to a `check`. */
  executed(block: Block): void {
    this.chain.executed(hashOf(block), GENESIS.state);
    this.step((turn) => blockChecked(turn, hashOf(block)));
  }

  /** Kept and executed, as a proposal is. */
  take(...blocks: readonly Block[]): void {
    for (const block of blocks) {
      this.chain.insert(block, factsOf(block.header.number));
      this.chain.executed(hashOf(block), GENESIS.state);
    }
  }

  of<Type extends AnyEffect['type']>(type: Type): Extract<AnyEffect, { type: Type }>[] {
    return this.seen.filter((effect): effect is Extract<AnyEffect, { type: Type }> => effect.type === type);
  }

  get head(): number {
    return this.chain.head.header.number;
  }
}

function attestationOf(member: number, block: Block, again = false): DecisionMessage {
  const council = councilOf(member);
  const votes = council.electorate.vote(member, TAG_KEYS.signer(member, 0), council.statement(decisionOf(block)));
  return { type: 'attestation', votes, again };
}

function certificateOf(block: Block, signers: readonly number[] = [0, 1, 2]): Uint8Array {
  const { electorate } = councilOf(0);
  const votes = new Map();
  let certificate = null;
  for (const member of signers) {
    const message = attestationOf(member, block);
    if (message.type === 'attestation') certificate = electorate.count(votes, message.votes);
  }
  return certificate === null ? new Uint8Array(0) : electorate.encode(certificate);
}

let node: Node;
beforeEach(() => {
  node = new Node();
});

describe('a decided block', () => {
  it('becomes the head, with all before it, when it is executed', () => {
    node.take(A1, A2, A3);
    node.step((turn) => decide(turn, decisionOf(A3)));
    expect(node.of('setHead')).toEqual([{ type: 'setHead', hash: hashOf(A3) }]);
    node.step(() => undefined);
    expect(node.seen).toEqual([]);
  });

  it('is executed where it is not, one after another and each once', () => {
    for (const block of [A1, A2]) node.chain.insert(block, factsOf(block.header.number));
    node.step((turn) => decide(turn, decisionOf(A2)));
    expect(node.of('check')).toEqual([{ type: 'check', hash: hashOf(A1) }]);
    node.step((turn) => execute(turn, hashOf(A1)));
    expect(node.of('check')).toEqual([]);
    node.executed(A1);
    expect(node.of('check')).toEqual([{ type: 'check', hash: hashOf(A2) }]);
    expect(node.head).toBe(1);
    node.executed(A2);
    expect(node.head).toBe(2);
  });

  it('may come after its decision', () => {
    node.step((turn) => decide(turn, decisionOf(A2)));
    expect(node.seen).toEqual([]);
    node.take(A1, A2);
    node.step(() => undefined);
    expect(node.head).toBe(2);
  });

  it('is not gone back to', () => {
    node.take(A1, A2);
    node.step((turn) => decide(turn, decisionOf(A2)));
    node.step((turn) => decide(turn, decisionOf(A1)));
    expect(node.of('setHead')).toEqual([]);
  });

  it('that is not valid here ends the node', () => {
    node.chain.insert(A1, factsOf(1));
    node.chain.invalid(hashOf(A1));
    expect(() => node.step((turn) => decide(turn, decisionOf(A1)))).toThrow(expect.objectContaining({ code: 'members/decided-invalid' }));
  });

  it('that contradicts what was decided ends the node', () => {
    node.take(A1);
    node.step((turn) => decide(turn, decisionOf(A1)));
    const other = childOf(X1);
    node.take(X1, other);
    expect(() => node.step((turn) => decide(turn, decisionOf(other)))).toThrow(expect.objectContaining({ code: 'members/conflict' }));
  });
});

describe('a block that sync brings', () => {
  const arrives = (block: Block, certificate: Uint8Array | null = null, origin: 'sync' | 'gossip' = 'sync') =>
    node.step((turn) => receiveBlock(turn, { type: 'block', block, origin, from: PEER, certificate }));

  it('is decided, and what is before it, by its certificate, and final', () => {
    arrives(A1);
    node.executed(A1);
    expect(node.head).toBe(0);
    arrives(A2, certificateOf(A2));
    node.executed(A2);
    expect([node.head, node.chain.finalized.header.number]).toEqual([2, 2]);
  });

  it('with a certificate that proves nothing is held against who sent it', () => {
    arrives(A1, certificateOf(A1, [0, 1]));
    expect(node.of('offence').map(({ from, error }) => [from, error.code])).toEqual([[PEER, 'members/certificate']]);
  });

  it('is not executed before there is a reason where members may lie', () => {
    node = new Node(0, 'byzantine');
    arrives(A1);
    expect(node.of('check')).toEqual([]);
    expect(node.of('setTimer')).toHaveLength(1);
  });

  describe('among members who may lie, with many others', () => {
    const QUORUM = [0, 1, 2, 3];
    const good = (block: Block) => certificateOf(block, QUORUM);
    const bad = (block: Block) => certificateOf(block, [0, 1, 2]);
    /** What the timer brings, that was set with the first of them. */
    const look = () => node.step(weighClaims);
    let checked: number;

    beforeEach(() => {
      checked = 0;
      const verify: Signatures['verify'] = (signed) => {
        checked++;
        return TAG_KEYS.signatures.verify(signed);
      };
      node = new Node(0, 'byzantine', { ...TAG_KEYS.signatures, verify });
    });

    it('is proven by the certificate of the highest, and no other is looked at', () => {
      for (const block of [A1, A2, A3]) arrives(block, good(block));
      expect(checked).toBe(0);
      look();
      expect([checked, node.of('check').map(({ hash }) => hash)]).toEqual([1, [hashOf(A1)]]);
      for (const block of [A1, A2, A3]) node.executed(block);
      expect([checked, node.head, node.chain.finalized.header.number]).toEqual([1, 3, 3]);
    });

    it('is proven by the next where the highest is a bad one, whose sender is blamed', () => {
      for (const block of [A1, A2]) arrives(block, good(block));
      arrives(A3, bad(A3));
      look();
      expect(node.of('offence').map(({ from, error }) => [from, error.code])).toEqual([[PEER, 'members/certificate']]);
      look();
      for (const block of [A1, A2]) node.executed(block);
      expect([node.head, node.chain.finalized.header.number]).toEqual([2, 2]);
    });

    it('is proven by its own where a higher one came with the proof of a block that is not here', () => {
      arrives(A1, good(A1));
      arrives(A2, good(A3));
      look();
      expect(node.of('fetch').map(({ hash }) => hash)).toEqual([hashOf(A3)]);
      look();
      node.executed(A1);
      expect(node.head).toBe(1);
    });

    it('has one certificate checked in a step, however many are bad', () => {
      const blocks = chainOn(GENESIS.block, 66);
      for (const block of blocks) arrives(block, bad(block));
      expect([node.of('offence').length, node.decisions.claims.length]).toEqual([1, 64]);
      look();
      expect([node.of('offence').length, node.decisions.claims.length]).toEqual([1, 63]);
      expect(node.of('setTimer').map(({ id, delayMs }) => [id, delayMs])).toEqual([[SETTLE_TIMER, 0]]);
    });

    it('waits for what is proven already, and is not forgotten', () => {
      for (const block of [A1, A2]) arrives(block, good(block));
      look();
      arrives(A3, good(A3));
      look();
      expect(checked).toBe(1);
      for (const block of [A1, A2]) node.executed(block);
      look();
      expect([checked, node.of('check').map(({ hash }) => hash)]).toEqual([2, [hashOf(A3)]]);
    });

    it('does not wait without bound', () => {
      const blocks = chainOn(GENESIS.block, 65);
      for (const block of blocks) arrives(block, good(block));
      expect([checked, node.decisions.claims.length]).toEqual([1, 1]);
    });
  });

  it('is not taken from gossip', () => {
    arrives(A1, null, 'gossip');
    expect(node.seen).toEqual([]);
  });

  it('has its parent fetched', () => {
    node.step((turn) => keep(turn, A2, PEER));
    expect(node.seen).toEqual([{ type: 'fetch', hash: hashOf(A1), from: PEER }]);
  });
});

describe('an attestation', () => {
  function decided(...blocks: readonly [Block, ...Block[]]): void {
    node.take(...blocks);
    node.step((turn) => decide(turn, decisionOf(blocks.at(-1) ?? blocks[0])));
  }

  it('is given when the head is on disk and stays for a while', () => {
    decided(A1);
    node.step((turn) => blockStored(turn, { head: hashOf(A1) }));
    expect(node.of('send')).toEqual([]);
    expect(node.of('setTimer').map(({ id }) => id)).toEqual([ATTEST_TIMER]);
    node.step(attestHead);
    expect(node.of('send').map(({ to }) => to)).toEqual(NODES.slice(1));
  });

  it('of a quorum makes the block final', () => {
    decided(A1, A2);
    node.step(attestHead);
    node.step((turn) => receiveDecision(turn, PEER, attestationOf(1, A2)));
    expect(node.of('finalize')).toEqual([]);
    node.step((turn) => receiveDecision(turn, PEER, attestationOf(1, A2)));
    expect(node.of('finalize')).toEqual([]);
    node.step((turn) => receiveDecision(turn, PEER, attestationOf(3, A2)));
    const [final] = node.of('finalize');
    expect(final?.hash).toBe(hashOf(A2));
    expect(() => rulesOf(node.council).verifyCertificate(hashOf(A2), final?.certificate ?? new Uint8Array(0), node.chain)).not.toThrow();
    expect(() => rulesOf(node.council).verifyCertificate(hashOf(A1), final?.certificate ?? new Uint8Array(0), node.chain)).toThrow(
      expect.objectContaining({ code: 'members/certificate' }),
    );
  });

  it('of a quorum decides what this node has not heard of', () => {
    node.take(A1);
    for (const member of [1, 2, 3]) node.step((turn) => receiveDecision(turn, PEER, attestationOf(member, A1)));
    expect([node.head, node.chain.finalized.header.number]).toEqual([1, 1]);
  });

  it('for another block does not count', () => {
    decided(A1);
    node.step(attestHead);
    for (const member of [1, 2]) node.step((turn) => receiveDecision(turn, PEER, attestationOf(member, X1)));
    expect(node.chain.finalized.header.number).toBe(0);
  });

  it('that is asked for again is answered with the certificate', () => {
    decided(A1);
    for (const member of [1, 2, 3]) node.step((turn) => receiveDecision(turn, PEER, attestationOf(member, A1)));
    node.step((turn) => receiveDecision(turn, PEER, attestationOf(4, A1)));
    expect(node.seen).toEqual([]);
    node.step((turn) => receiveDecision(turn, PEER, attestationOf(4, A1, true)));
    expect(node.of('send').map(({ to, message }) => [to, message.type])).toEqual([[PEER, 'certificate']]);
  });

  it('of other members is an offence', () => {
    const others = new Council(node.council.params, new Membership(members.slice(0, 3), 'crash'), TAG_KEYS.signatures, []);
    const votes = others.electorate.vote(1, TAG_KEYS.signer(1, 0), others.statement(decisionOf(A1)));
    node.step((turn) => receiveDecision(turn, PEER, { type: 'attestation', votes, again: false }));
    expect(node.of('offence').map(({ error }) => error.code)).toEqual(['members/statement']);
  });

  it('is not given by who only follows, or has the key of another', () => {
    node = new Node(null);
    decided(A1);
    node.step((turn) => blockStored(turn, { head: hashOf(A1) }));
    node.step(attestHead);
    expect(node.of('send')).toEqual([]);
    expect(() => councilOf(1).placeOf(SELF)).toThrow(expect.objectContaining({ code: 'members/key-mismatch' }));
  });

  it('and a certificate are read as they were written, and nothing else is', () => {
    const { council } = node;
    for (const message of [attestationOf(2, A1, true), { type: 'certificate', certificate: certificateOf(A1) } as const]) {
      const [kind, ...fields] = encodeDecision(council, message);
      const bytes = fields.map((field) => (typeof field === 'number' ? Uint8Array.from(field === 0 ? [] : [field]) : field));
      expect(decodeDecision(council, Number(kind), bytes)).toEqual(message);
    }
    expect(() => decodeDecision(council, 1, [])).toThrow(expect.objectContaining({ code: 'decode/decision' }));
    expect(() => decodeDecision(council, 0, [new Uint8Array(3), new Uint8Array(0)])).toThrow();
  });
});

describe('a start', () => {
  it('executes what was kept, once, and attests a head that is not final', () => {
    node.take(A1);
    node.step((turn) => decide(turn, decisionOf(A1)));
    node.chain.insert(A2, factsOf(2));
    node.step(startDecisions);
    expect(node.of('check')).toEqual([{ type: 'check', hash: hashOf(A2) }]);
    expect(node.of('setTimer').map(({ id }) => id)).toEqual([ATTEST_TIMER]);
  });
});

describe('the header of a permissioned block', () => {
  const rules = rulesOf(councilOf(0));
  const { id } = new Membership(members, 'crash');
  const good = childOf(GENESIS.block, 0, { difficulty: 0n, mixHash: id, nonce: toHex(bigToFixed(1n, 8)) });
  const check = (block: Block) => rules.verifyHeader(block, GENESIS_STORED.node, { get: () => undefined }, 0);

  it('may have the time of its parent', () => {
    const { timestamp } = GENESIS.block.header;
    expect(check({ ...good, header: { ...good.header, timestamp } })).toEqual({ weight: 1n, carried: 0n });
  });

  it.each<[string, Partial<Block['header']>, string]>([
    ['a time before its parent’s', { timestamp: 5 }, 'members/timestamp'],
    ['a difficulty', { difficulty: 3n }, 'members/difficulty'],
    ['other members', { mixHash: hashOf(A1) }, 'members/membership'],
    ['another height', { number: 2 }, 'header/number'],
  ])('with %s is refused', (_what, header, code) => {
    expect(() => check({ ...good, header: { ...good.header, ...header } })).toThrow(expect.objectContaining({ code }));
  });
});
