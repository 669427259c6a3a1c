/**
 * The councils of a network whose members change: one for each membership that its blocks name. Which membership an id
 * stands for is a matter of hashing, and is remembered here as long as it is of use; whether a block may name it is a rule
 * of the block and its ancestors (`admit`), and only blocks that keep that rule come into the chain.
 */
import { present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { RuleError } from '../../base/errors.ts';
import type { Signatures, Signer } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Header } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { BlockView, ChainView, HeaderNode } from '../../chain/tree.ts';
import { type Change, checkChange, decodeChange } from './changes.ts';
import { Council, type Family, wrongId } from './council.ts';
import type { Membership } from './membership.ts';

/** Any other is found in the chain again. */
const MAX_KNOWN = 64;

type Placed = Pick<HeaderNode, 'header' | 'hash'>;

export class Councils implements Family {
  /** Of the engine's settings. */
  readonly first: Council;
  /** The height of the block on which this engine began. */
  readonly #base: number;
  readonly #known = new BoundedMap<Hash, Council>(MAX_KNOWN);
  readonly #signatures: Signatures;
  readonly #make: (membership: Membership) => Council;

  constructor(params: ChainParams, first: Membership, signatures: Signatures, signers: readonly Signer[]) {
    this.#base = params.baseHeight ?? 0;
    this.#signatures = signatures;
    this.#make = (membership) => new Council(params, membership, signatures, signers, this);
    this.first = this.#make(first);
  }

  known(id: Hash): Council | undefined {
    return id === this.first.membership.id ? this.first : this.#known.get(id);
  }

  of(membership: Membership): Council {
    const council = this.known(membership.id) ?? this.#make(membership);
    if (council !== this.first) this.#known.set(membership.id, council);
    return council;
  }

  /** What the child of this header names, unless it carries a change. */
  idAfter({ number, mixHash }: Header): Hash {
    return number === this.#base ? this.first.membership.id : mixHash;
  }

  /**
   * Who decides on the child of a block of the chain; undefined where the chain has not got the blocks that say so, and below the
   * block on which this engine began: others decided there.
   */
  at(node: Placed, chain: BlockView): Council | undefined {
    if (node.header.number < this.#base) return undefined;
    const id = this.idAfter(node.header);
    const known = this.known(id);
    if (known !== undefined) return known;
    let change = node;
    for (let parent = chain.get(node.header.parentHash); ; parent = chain.get(change.header.parentHash)) {
      if (parent === undefined) return undefined;
      if (this.idAfter(parent.header) !== id) break;
      change = parent;
    }
    return this.#carried(chain.block(change.hash), id);
  }

  /**
   * As `at`, for the head, in as many steps as its height has digits: of two canonical blocks, of which the later names it and
   * the earlier does not, some block between them carries it.
   */
  atHead(chain: ChainView): Council {
    const { head } = chain;
    const id = this.idAfter(head.header);
    const known = this.known(id);
    if (known !== undefined) return known;
    let [without, [hash, height]] = [this.#base, [head.hash, head.header.number] as readonly [Hash, number]];
    while (height - without > 1) {
      const middle = Math.floor((without + height) / 2);
      const node = present(chain.get(present(chain.canonical(middle), 'a canonical block')), 'its header');
      if (this.idAfter(node.header) === id) [hash, height] = [node.hash, middle];
      else without = middle;
    }
    return present(this.#carried(chain.block(hash), id), 'the block that says who decides');
  }

  /**
   * Who decides on this block, whose parent and the ancestors of that the chain has. Throws RuleError `members/membership`
   * (another one than its parent's, or than it carries), `members/payload`, `members/change`, `members/unproven`.
   */
  admit({ header, payload }: Block, parent: HeaderNode, chain: BlockView): Council {
    const { number, mixHash } = header;
    const before = this.at(parent, chain);
    if (before === undefined) {
      const message = `Who decides on block ${number} is not known here yet: blocks before it are missing.`;
      throw new RuleError('members/unknown', message, { number }, { blame: false });
    }
    // A block that names the same members may carry what is not about them.
    if (mixHash === before.membership.id) return before;
    if (payload.length === 0) throw wrongId(number, mixHash, before.membership.id);
    const change = decodeChange(payload, before.membership.faults, this.#signatures);
    checkChange(before.membership, change.membership, number);
    checkProof(before, change, parent, chain);
    if (mixHash !== change.membership.id) throw wrongId(number, mixHash, change.membership.id);
    return this.of(change.membership);
  }

  #carried(block: Block | undefined, id: Hash): Council | undefined {
    if (block === undefined) return undefined;
    const { membership } = decodeChange(block.payload, this.first.membership.faults, this.#signatures);
    return membership.id === id ? this.of(membership) : undefined;
  }
}

/** What ends a joint membership shows that both of its sides have decided one of its blocks; nothing else has a certificate. */
function checkProof(before: Council, { certificate }: Change, parent: HeaderNode, chain: BlockView): void {
  const number = parent.header.number + 1;
  const { id, incoming } = before.membership;
  if (incoming === null && certificate === null) return;
  const refuse = (what: string) =>
    new RuleError('members/unproven', `Block ${number} ${what}; expected a certificate for its parent, or another block of ${id}.`, {
      number,
    });
  if (incoming === null || certificate === null) throw refuse('has a certificate where none is due, or none where one is');
  const decision = before.proven(certificate);
  let at: HeaderNode | undefined = parent;
  while (at !== undefined && at.header.number > decision.height && at.header.mixHash === id) at = chain.get(at.header.parentHash);
  if (at?.hash !== decision.hash || at.header.mixHash !== id) throw refuse(`has a certificate for block ${decision.height}`);
}
