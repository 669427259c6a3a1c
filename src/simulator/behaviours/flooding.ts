/**
 * Header and block floods: a branch off genesis, dated so late that ASERT makes it cheap, grown with real hash power and
 * offered to whoever asks, with the claim that it is the heaviest there is. It costs the flooder work and must cost its
 * victims no storage (Bitcoin Core's minimum chain work and headers presync are answers to the same attack).
 */
import { EMPTY } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_NONCE, EMPTY_TRIE_ROOT, type Header, hashHeader } from '../../chain/header.ts';
import type { HeaderNode, HeaderView } from '../../chain/tree.ts';
import { nextDifficulty, type PowRules, recentTimes } from '../../consensus/pow/rules.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { HEADERS_PER_REQUEST } from '../../sync/limits.ts';
import { type BehaviourFactory, repeatedly, type Tools } from './behaviour.ts';

const BEGINS_AFTER_MS = 120_000;
const OFFER_INTERVAL_MS = 10_000;
const MAX_FLOOD_BLOCKS = 4_096;
const RETRY_MS = 1_000;
const IN_ORDER_CHANCE = 0.5;
const BURST_CHANCE = 0.05;
/** More than a node keeps. */
const BURST_BLOCKS = 200;

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
    const timestamp = this.#tip === null ? Math.floor(wallMs() / 1_000) : times.median + 1;
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

/** What it offers a peer, now and then. */
function offerOf(branch: CheapBranch, told: number, { random, chain }: Tools): readonly Block[] {
  const { blocks } = branch;
  const kind = random.float();
  // One after another, so that each has its parent.
  if (kind < IN_ORDER_CHANCE) return blocks.slice(told, told + 1);
  if (kind < IN_ORDER_CHANCE + BURST_CHANCE) {
    // Near the head's height, where a block without a parent is worth waiting for.
    const first = Math.max(0, (chain()?.head.header.number ?? 0) - BURST_BLOCKS / 2);
    return blocks.slice(first, first + BURST_BLOCKS);
  }
  return [random.pick(blocks)];
}

export const flooding: BehaviourFactory = (tools) => {
  const { peers, send, after } = tools;
  const branch = new CheapBranch(tools);
  const told = new Map<number, number>();
  const boast = <S extends { readonly weight: bigint; readonly height: number }>(status: S): S => ({
    ...status,
    weight: status.weight * 1_000n,
    height: status.height + 100_000,
  });
  const offer = (peer: number): void => {
    if (branch.blocks.length === 0) return;
    const at = told.get(peer) ?? 0;
    for (const block of offerOf(branch, at, tools)) {
      if (block === branch.blocks[at]) told.set(peer, at + 1);
      send(peer, { type: 'block', block });
    }
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
