/**
 * Header and block floods: a branch off genesis, dated so late that ASERT makes it cheap, grown with real hash power and
 * offered to whoever asks, with the claim that it is the heaviest there is. It costs the flooder work and must cost its
 * victims no storage (Bitcoin Core's minimum chain work and headers presync are answers to the same attack).
 */
import { EMPTY } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_NONCE, EMPTY_TRIE_ROOT, type Header, hashHeader } from '../../chain/header.ts';
import { forkFields } from '../../chain/rules.ts';
import type { HeaderNode, HeaderView } from '../../chain/tree.ts';
import { nextDifficulty, type PowRules, recentTimes } from '../../consensus/pow/rules.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { HEADERS_PER_REQUEST } from '../../sync/limits.ts';
import { type BehaviourFactory, repeatedly, type Tools } from './behaviour.ts';
import { randomHash } from './mutation.ts';

const BEGINS_AFTER_MS = 120_000;
const OFFER_INTERVAL_MS = 10_000;
const MAX_FLOOD_BLOCKS = 4_096;
const RETRY_MS = 1_000;
const IN_ORDER_CHANCE = 0.5;
/** Of orphans at once: more than a node keeps. */
const MAX_BURST_BLOCKS = 200;
const BURST_INTERVAL_MS = 60_000;

class CheapBranch implements HeaderView {
  readonly blocks: Block[] = [];
  readonly #tools: Tools;
  readonly #rules: PowRules;
  readonly #nodes = new Map<Hash, HeaderNode>();
  #tip: HeaderNode | null = null;

  constructor(tools: Tools) {
    this.#tools = tools;
    this.#rules = { params: tools.params, settings: parseSettings(tools.params.engine.settings), checkProof: () => undefined };
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#nodes.get(hash) ?? this.#tools.chain()?.get(hash);
  }

  /** Finds the next block in the time that its difficulty takes. */
  grow(): void {
    const { random, hashRate, after } = this.#tools;
    const draft = this.#draft();
    if (draft === null || this.blocks.length >= MAX_FLOOD_BLOCKS) return after(RETRY_MS, () => this.grow());
    after(1_000 * random.waiting(Number(draft.difficulty) / Math.max(1, hashRate)), () => {
      this.#add(draft);
      this.grow();
    });
  }

  #draft(): Header | null {
    const { chain, wallMs } = this.#tools;
    // While its own node is down it has no chain to look at.
    const parent = chain() && (this.#tip ?? chain()?.genesis);
    if (parent === null || parent === undefined) return null;
    const times = recentTimes(parent, this);
    // The first block is dated now, which makes the branch hopelessly late and so cheap; the rest follow as fast as may be.
    const earliest = times.median + 1;
    const timestamp = this.#tip === null ? Math.max(earliest, Math.floor(wallMs() / 1_000)) : earliest;
    const difficulty = nextDifficulty(this.#rules, parent, this, times, timestamp);
    const number = parent.header.number + 1;
    return {
      ...parent.header,
      parentHash: parent.hash,
      number,
      timestamp,
      difficulty,
      transactionsRoot: EMPTY_TRIE_ROOT,
      gasUsed: 0n,
      nonce: EMPTY_NONCE,
      ...forkFields(number, timestamp, parent.header, this.#tools.params),
    };
  }

  #add(draft: Header): void {
    const { oracle, engine } = this.#tools;
    const parent = this.get(draft.parentHash);
    if (parent === undefined || this.#tools.chain() === null) return;
    const header = oracle.seal(draft);
    const sealed = { header, seal: EMPTY };
    const facts = engine.verifyHeader(sealed, parent, this, Number.MAX_SAFE_INTEGER);
    this.#tip = { ...sealed, hash: hashHeader(header), facts };
    this.#nodes.set(this.#tip.hash, this.#tip);
    this.blocks.push({ ...sealed, transactions: [], payload: EMPTY });
  }
}

/** One after another, so that each has its parent, or any. */
function offerOf({ blocks }: CheapBranch, told: number, { random }: Tools): Block | undefined {
  return random.chance(IN_ORDER_CHANCE) ? blocks[told] : random.pick(blocks);
}

export const flooding: BehaviourFactory = (tools) => {
  const { peers, send, after } = tools;
  const branch = new CheapBranch(tools);
  const told = new Map<number, number>();
  // Whoever boasts is soon found out, and banned for a while; the others only gossip.
  const boasts = tools.random.chance(0.5);
  const boast = <S extends { readonly weight: bigint; readonly height: number }>(status: S): S =>
    boasts ? { ...status, weight: status.weight * 1_000n, height: status.height + 100_000 } : status;
  const offer = (peer: number): void => {
    if (branch.blocks.length === 0) return;
    const at = told.get(peer) ?? 0;
    const block = offerOf(branch, at, tools);
    if (block === undefined) return;
    if (block === branch.blocks[at]) told.set(peer, at + 1);
    send(peer, { type: 'block', block });
  };
  return {
    begin: () => {
      after(BEGINS_AFTER_MS, () => branch.grow());
      repeatedly(tools, OFFER_INTERVAL_MS, () => peers().forEach(offer));
    },
    status: boast,
    outgoing: (_to, packet) => [packet.type === 'status' ? { ...packet, status: boast(packet.status) } : packet],
    answer: (from, packet) => {
      if (packet.type !== 'getHeaders' || branch.blocks.length === 0) return false;
      const after = branch.blocks.findIndex(({ header }) => packet.locator.includes(hashHeader(header)));
      send(from, { type: 'headers', request: packet.request, headers: branch.blocks.slice(after + 1, after + 1 + HEADERS_PER_REQUEST) });
      return true;
    },
  };
};

/** Blocks whose parents do not exist, in bursts, each with just the work without which nobody would hold it. */
export const orphaning: BehaviourFactory = (tools) => {
  const { random, params, hashRate, nowMs, chain, oracle, peers, send } = tools;
  const { minimumDifficulty } = parseSettings(params.engine.settings);
  let sinceMs = 0;

  /** As many as its hash power has found since the last burst. */
  function burst(head: Header): Block[] {
    const found = Math.floor((hashRate * (nowMs() - sinceMs)) / (1_000 * Number(minimumDifficulty)));
    sinceMs = nowMs();
    return Array.from({ length: Math.min(found, MAX_BURST_BLOCKS) }, () => {
      const draft = {
        ...head,
        parentHash: randomHash(random),
        number: head.number + 1,
        difficulty: minimumDifficulty,
        transactionsRoot: EMPTY_TRIE_ROOT,
        gasUsed: 0n,
      };
      return { header: oracle.seal(draft), seal: EMPTY, transactions: [], payload: EMPTY };
    });
  }

  return {
    begin: () =>
      repeatedly(tools, BURST_INTERVAL_MS, () => {
        const head = chain()?.head.header;
        const blocks = head === undefined ? [] : burst(head);
        for (const peer of peers()) for (const block of blocks) send(peer, { type: 'block', block });
      }),
  };
};
