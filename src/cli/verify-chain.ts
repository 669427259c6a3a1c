/**
 * The procedure of `synod verify`: from a block that the user trusts to one that is final, by what a node serves that nobody
 * needs to trust. The node can withhold, which ends in an error or an older block, but not make anything false look final.
 *
 *   trusted block     genesis, or a hash: its state is checked against it, or computed from genesis along blocks that lead to it
 *   its age           within the weak-subjectivity period
 *   what follows      every block up to the node's head (`consensus/pos/light.ts`)
 *   what it claims    the block that the node calls final is one that its blocks prove, or that its certificate does
 *   block asked for   the finalized one, or an ancestor of it
 */
import { BoundedMap } from '../base/bounded.ts';
import { RuleError, UsageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { type Header, hashHeader } from '../chain/header.ts';
import type { LightBlock } from '../chain/light-block.ts';
import type { HeaderNode } from '../chain/tree.ts';
import { verifyCertificate } from '../consensus/pos/certificate.ts';
import { type LightChain, lightFrom, lightGenesis } from '../consensus/pos/light.ts';
import type { PosRules } from '../consensus/pos/rules.ts';
import { epochOf, slotAt } from '../consensus/pos/time.ts';
import { isWithinPeriod, weakSubjectivityPeriod } from '../consensus/pos/weak-subjectivity.ts';
import type { Claim, LightSource } from './light-source.ts';

export interface VerifyOptions {
  readonly rules: PosRules;
  readonly genesis: Header;
  /** Null for genesis. */
  readonly checkpoint: Hash | null;
  /** A block that is to be final. */
  readonly block: Hash | null;
  readonly wallMs: () => number;
  readonly onProgress: (number: number, target: number) => void;
}

export interface Verified {
  readonly checkpoint: HeaderNode;
  readonly head: HeaderNode;
  readonly finalized: HeaderNode;
  /** The block whose certificate was verified as well; null where the node has none. */
  readonly certified: Claim | null;
  readonly block: Claim | null;
}

/** How far the node's chain may change at its head while it is read, and how often nothing may come of reading on. */
const MAX_STEP_BACK = 64;
const MAX_VAIN_READS = 16;
/** Certificates name blocks of some epochs after the final one. */
const MAX_HEADERS = 4_096;

/**
 * Throws UsageError `verify/...` that says what is wrong: network, checkpoint, state, old-checkpoint, false-block, truncated,
 * unproven, conflict, certificate, no-block, not-final; and `rpc/...` for a node that does not answer as one.
 */
export async function verifyChain(source: LightSource, options: VerifyOptions): Promise<Verified> {
  await checkNetwork(source, hashHeader(options.genesis));
  const asked = options.block === null ? null : await askedBlock(source, options.block);
  const chain = await trustedChain(source, options);
  const checkpoint = chain.tip;
  checkAge(chain, options);
  // Before the head: what was final then, the blocks up to the head must prove.
  const claimed = await source.claim('finalized');
  const head = await source.claim('latest');
  const walk = new Walk(source, options, chain, [claimed, asked]);
  await walk.to(head?.number ?? 0);
  const certified = await checkClaim(source, options, walk, checkpoint, claimed);
  const finalized = newer(chain.finalized.block, certified && walk.get(certified.hash));
  if (asked !== null) await checkAsked(source, asked, checkpoint, finalized, walk);
  return { checkpoint, head: chain.tip, finalized, certified, block: asked };
}

/** A certificate may prove more than the blocks that carry the votes for it. */
function newer(proven: HeaderNode, certified: HeaderNode | null | undefined): HeaderNode {
  return certified && certified.header.number > proven.header.number ? certified : proven;
}

async function checkNetwork(source: LightSource, genesis: Hash): Promise<void> {
  const theirs = await source.claim(0);
  if (theirs?.hash === genesis) return;
  throw new UsageError(
    'verify/network',
    `${source.url} is a node of another network: its genesis block is ${theirs?.hash}; expected ${genesis}. Name the network with --genesis or --datadir.`,
  );
}

async function askedBlock(source: LightSource, hash: Hash): Promise<Claim> {
  const found = await source.block(hash);
  if (found === null || hashHeader(found.header) !== hash) {
    throw new UsageError('verify/no-block', `${source.url} has no block ${hash}, so nothing can be said about it.`);
  }
  return { number: found.header.number, hash };
}

// Where to begin

async function trustedChain(source: LightSource, options: VerifyOptions): Promise<LightChain> {
  const { rules, genesis, checkpoint } = options;
  if (checkpoint === null) return lightGenesis(rules, genesis);
  const block = await source.block(checkpoint);
  if (block === null || hashHeader(block.header) !== checkpoint) {
    throw new UsageError('verify/checkpoint', `${source.url} has no block ${checkpoint}; ask another node.`);
  }
  const state = await source.state(checkpoint);
  if (state === null) return replayed(source, options, checkpoint, block);
  try {
    return lightFrom(rules, genesis, checkpoint, block, state);
  } catch (cause) {
    if (!(cause instanceof RuleError)) throw cause;
    const isState = cause.code === 'light/state' || cause.code.startsWith('decode/');
    const what = isState ? 'state' : 'checkpoint';
    throw new UsageError(`verify/${what}`, `${source.url} does not give the trusted ${what}`, { code: cause.code }, cause);
  }
}

/**
 * From genesis to the checkpoint, without signatures: where a chain of hashes ends in the trusted block, all of it is as it was, and
 * the state follows from it.
 */
async function replayed(source: LightSource, options: VerifyOptions, checkpoint: Hash, block: LightBlock): Promise<LightChain> {
  const chain = lightGenesis(options.rules, options.genesis);
  const walk = new Walk(source, options, chain, [], { verify: false });
  await walk.to(block.header.number);
  if (chain.tip.hash === checkpoint) return chain.trusted();
  throw new UsageError(
    'verify/checkpoint',
    `${source.url} has block ${chain.tip.hash} at the height of the checkpoint ${checkpoint}: its chain is another one.`,
  );
}

function checkAge({ state, tip }: LightChain, { rules, genesis, wallMs }: VerifyOptions): void {
  const { settings } = rules;
  const now = epochOf(settings, Math.max(0, slotAt(settings, genesis.timestamp, wallMs())));
  if (isWithinPeriod(settings, state, now)) return;
  throw new UsageError(
    'verify/old-checkpoint',
    `The checkpoint ${tip.hash} is of epoch ${epochOf(settings, state.slot)}, and now it is epoch ${now}: after ${weakSubjectivityPeriod(settings, state)} epochs those who voted then may have withdrawn their stake, and could make another history for nothing. Take a newer checkpoint, from somebody whom you trust.`,
  );
}

// Following

/** Reads the node's chain block by block, and notes what it has at the heights of some claims. */
class Walk {
  readonly chain: LightChain;
  readonly #source: LightSource;
  readonly #options: VerifyOptions;
  readonly #mode: { readonly verify: boolean };
  readonly #watched: ReadonlySet<number>;
  readonly #found = new Map<number, Hash>();
  readonly #headers = new BoundedMap<Hash, HeaderNode>(MAX_HEADERS);

  constructor(source: LightSource, options: VerifyOptions, chain: LightChain, watched: readonly (Claim | null)[], mode = { verify: true }) {
    this.#source = source;
    this.#options = options;
    this.chain = chain;
    this.#mode = mode;
    this.#watched = new Set(watched.flatMap((claim) => (claim === null ? [] : [claim.number])));
    this.#note(chain.tip);
  }

  /** What the chain has at the height of a claim that is watched; undefined below the checkpoint. */
  at(number: number): Hash | undefined {
    return this.#found.get(number);
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#headers.get(hash);
  }

  async to(target: number): Promise<void> {
    const first = this.chain.tip.header.number + 1;
    let [reached, back, vain] = [first - 1, 0, 0];
    while (reached < target) {
      const next = Math.max(first, this.chain.tip.header.number + 1 - back);
      const blocks = await this.#source.range(next, target - next + 1);
      // The node may have gone over to another branch meanwhile: then it is read again from a little below.
      back = this.#attach(blocks, next, target) ? 0 : Math.min(MAX_STEP_BACK, 2 * back + 1);
      const { number } = this.chain.tip.header;
      vain = number > reached ? 0 : vain + 1;
      if (vain > MAX_VAIN_READS) {
        throw new UsageError('verify/truncated', `${this.#source.url} serves blocks that do not lead from block ${reached} to ${target}.`);
      }
      reached = Math.max(reached, number);
      this.#options.onProgress(reached, target);
    }
  }

  /** False when the first of them is of a branch that leaves ours below it. */
  #attach(blocks: readonly LightBlock[], next: number, target: number): boolean {
    if (blocks.length === 0) {
      const { url } = this.#source;
      throw new UsageError('verify/truncated', `${url} says that its head is block ${target}, but serves no block ${next}.`);
    }
    for (const [i, block] of blocks.entries()) {
      try {
        this.#note(this.chain.follow(block, this.#options.wallMs(), this.#mode));
      } catch (cause) {
        if (!(cause instanceof RuleError)) throw cause;
        if (i === 0 && cause.code === 'light/parent') return false;
        throw new UsageError('verify/false-block', `Block ${next + i} of ${this.#source.url} is false`, { code: cause.code }, cause);
      }
    }
    return true;
  }

  #note(node: HeaderNode): void {
    this.#headers.set(node.hash, node);
    if (this.#watched.has(node.header.number)) this.#found.set(node.header.number, node.hash);
  }
}

// What the node says

/** That the block which the node calls final is so. Answers it if its certificate was verified. */
async function checkClaim(
  source: LightSource,
  { rules }: VerifyOptions,
  walk: Walk,
  checkpoint: HeaderNode,
  claimed: Claim | null,
): Promise<Claim | null> {
  if (claimed === null || claimed.number === 0 || claimed.number < checkpoint.header.number) return null;
  const { url } = source;
  const { number, hash } = claimed;
  const ours = walk.at(number);
  if (ours !== undefined && ours !== hash) {
    throw new UsageError('verify/conflict', `${url} calls block ${number} ${hash} final, and serves a chain that has ${ours} there.`);
  }
  const certificate = ours === undefined ? null : await source.certificate(hash);
  const proven = walk.chain.finalized.block.header.number;
  if (certificate === null) {
    if (number <= proven) return null;
    throw new UsageError(
      'verify/unproven',
      `${url} calls block ${number} final; its blocks prove that of block ${proven} and no later one.`,
    );
  }
  try {
    verifyCertificate(rules, hash, certificate, walk);
    return claimed;
  } catch (cause) {
    if (!(cause instanceof RuleError)) throw cause;
    throw new UsageError('verify/certificate', `The certificate that ${url} has for block ${number} is false`, { code: cause.code }, cause);
  }
}

/** That the block asked for is the finalized one or an ancestor of it. */
async function checkAsked(
  source: LightSource,
  { number, hash }: Claim,
  checkpoint: HeaderNode,
  finalized: HeaderNode,
  walk: Walk,
): Promise<void> {
  const notFinal = (why: string): never => {
    throw new UsageError('verify/not-final', `Block ${hash} (${number}) is not proven to be final: ${why}.`);
  };
  if (number > finalized.header.number) return notFinal(`the newest final block is ${finalized.header.number}`);
  const found = number < checkpoint.header.number ? await ancestorOf(source, checkpoint, number) : walk.at(number);
  if (found !== hash) notFinal(`at this height the chain has ${found}`);
}

/** The ancestor of a trusted block at this height, along a chain of hashes. */
async function ancestorOf(source: LightSource, { header, hash }: HeaderNode, number: number): Promise<Hash> {
  const broken = () =>
    new UsageError('verify/false-block', `The blocks that ${source.url} serves do not lead up to the checkpoint ${hash}.`);
  let [ancestor, last]: (Hash | undefined)[] = [];
  for (let next = number; next < header.number; ) {
    const blocks = await source.range(next, header.number - next);
    if (blocks.length === 0) throw broken();
    for (const block of blocks) {
      if (last !== undefined && block.header.parentHash !== last) throw broken();
      last = hashHeader(block.header);
      ancestor ??= last;
    }
    next += blocks.length;
  }
  if (ancestor === undefined || last !== header.parentHash) throw broken();
  return ancestor;
}
