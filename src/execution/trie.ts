/**
 * The Merkle-Patricia trie (Yellow Paper, appendix D), synchronous and hashed once for each change set.
 *
 * Why not @ethereumjs/mpt, which the tests hold it against: that one is asynchronous on every node, hashes the whole path
 * again at every put, and takes a missing node for an empty subtree. Here a missing node is a StorageError, never an
 * answer.
 *
 * Nodes never change once made, but for a child that is read being kept in place of its reference; so versions share
 * them, and a put copies the path from the root. A node that came from the source knows how its parent refers to it
 * (`ref`); one made here has no `ref` until `commit` hashes it. So the nodes that `commit` hands out are exactly those
 * made here and reachable from the new root.
 * No key may be a prefix of another. That holds for hashes and for RLP of integers, and branches carry no value.
 */
import { BoundedMap } from '../base/bounded.ts';
import { EMPTY, equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../chain/header.ts';
import { encodeRlp } from '../chain/rlp.ts';
import { keccak256 } from './keccak.ts';
import { equalsNibbles, fromCompact, fromNibbles, sharedPrefix, toCompact, toNibbles } from './nibbles.ts';
import { drain } from './pacer.ts';
import { corrupt, decodeStored, type Stored } from './stored.ts';

/** Where nodes come from: `StateSource` without code. */
export interface NodeSource {
  node(hash: Hash): Uint8Array | undefined;
}

/** Receives each new node; the hash is its keccak. */
export type NodeSink = (hash: Hash, bytes: Uint8Array) => void;

export const NO_NODES: NodeSource = { node: () => undefined };

/** How a parent names a child: its hash, or, when the encoding is shorter than a hash, the encoded list itself. */
type Ref = Stored;
/** A child: nothing, one that was not read yet, or a node. */
type Child = null | Ref | Node;

class Leaf {
  readonly path: Uint8Array;
  readonly value: Uint8Array;
  ref: Ref | undefined;
  constructor(path: Uint8Array, value: Uint8Array, ref?: Ref) {
    this.path = path;
    this.value = value;
    this.ref = ref;
  }
}

class Extension {
  readonly path: Uint8Array;
  child: Child;
  ref: Ref | undefined;
  constructor(path: Uint8Array, child: Child, ref?: Ref) {
    this.path = path;
    this.child = child;
    this.ref = ref;
  }
}

class Branch {
  readonly children: Child[];
  ref: Ref | undefined;
  constructor(children: Child[], ref?: Ref) {
    this.children = children;
    this.ref = ref;
  }
}

type Node = Leaf | Extension | Branch;

/** Counts what is kept decoded of some versions of a trie, which share most of their nodes. */
interface Size {
  nodes: number;
}

/** States of the last blocks, and their contracts' storage. */
const MAX_RECENT = 32;
/** In all of them: some 20 MB. The one that has more begins anew, with nothing but its root's hash. */
const MAX_RECENT_NODES = 32_768;

/**
 * The tries of the last blocks as far as they were read or made, so that a block need not read and decode again what the
 * one before it did. They are found by their root's hash, and hold what the store has under it: tries whose changes were
 * given up are harmless here, as nobody begins on a root that was not stored.
 */
export class RecentTries {
  readonly #known = new BoundedMap<Hash, { readonly root: Node; readonly size: Size }>(MAX_RECENT);

  find(root: Hash): { readonly root: Node; readonly size: Size } | undefined {
    const found = this.#known.get(root);
    return found !== undefined && found.size.nodes <= MAX_RECENT_NODES ? found : undefined;
  }

  keep(hash: Hash, root: Node, size: Size): void {
    this.#known.set(hash, { root, size });
    for (const [oldest] of this.#known.entries()) {
      if (this.nodes <= MAX_RECENT_NODES) return;
      this.#known.delete(oldest);
    }
  }

  /** How many are kept. Versions of one trie count once. */
  get nodes(): number {
    const sizes = new Set([...this.#known.values()].map(({ size }) => size));
    return [...sizes].reduce((sum, { nodes }) => sum + nodes, 0);
  }
}

const BRANCH_WIDTH = 16;
const HASH_BYTES = 32;
/** Levels that `commitSteps` takes apart: below them hang a few nodes each, even in a large change. */
const STEP_DEPTH = 4;

export class Trie {
  readonly #source: NodeSource;
  readonly #recent: RecentTries | undefined;
  readonly #size: Size;
  #root: Child;

  constructor(source: NodeSource, root: Hash = EMPTY_TRIE_ROOT, recent?: RecentTries) {
    const known = recent?.find(root);
    this.#source = source;
    this.#recent = recent;
    this.#size = known?.size ?? { nodes: 0 };
    this.#root = root === EMPTY_TRIE_ROOT ? null : (known?.root ?? fromHex(root));
  }

  /** Throws StorageError execution/state-missing when a node on the way is not in the source. */
  get(key: Uint8Array): Uint8Array | undefined {
    const path = toNibbles(key);
    let at = 0;
    let node = this.#readRoot();
    for (;;) {
      if (node === null) return undefined;
      if (node instanceof Leaf) return equalsNibbles(node.path, path, at) ? node.value : undefined;
      if (node instanceof Extension) {
        if (sharedPrefix(node.path, path, at) < node.path.length) return undefined;
        at += node.path.length;
        node = this.#readChild(node);
      } else {
        node = this.#readBranch(node, path[at] ?? 0);
        at++;
      }
    }
  }

  /** The value may not be empty. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#root = this.#put(this.#readRoot(), toNibbles(key), 0, value);
  }

  delete(key: Uint8Array): void {
    this.#root = this.#delete(this.#readRoot(), toNibbles(key), 0);
  }

  /** Hashes what changed since the last commit, each node once, and answers the root. */
  commit(sink: NodeSink = () => {}): Hash {
    return drain(this.commitSteps(sink));
  }

  /** The same in small steps, so that a caller may let others run in between. */
  *commitSteps(sink: NodeSink = () => {}): Generator<void, Hash> {
    const root = this.#root;
    if (root === null) return EMPTY_TRIE_ROOT;
    if (!isNode(root)) return toHex(root as Uint8Array) as Hash;
    const counting: NodeSink = (hash, bytes) => {
      this.#size.nodes++;
      sink(hash, bytes);
    };
    const ref = yield* sealSteps(root, counting, STEP_DEPTH);
    const hash = ref instanceof Uint8Array ? (toHex(ref) as Hash) : sealShort(ref, sink);
    this.#recent?.keep(hash, root, this.#size);
    return hash;
  }

  /** The encoded nodes from the root towards the key, as EIP-1186 wants them; they prove absence as well. */
  prove(key: Uint8Array): Uint8Array[] {
    const path = toNibbles(key);
    const proof: Uint8Array[] = [];
    let at = 0;
    let node = this.#readRoot();
    while (node !== null) {
      const bytes = encodeRlp(rawOf(node, () => {}));
      if (proof.length === 0 || bytes.length >= HASH_BYTES) proof.push(bytes);
      if (node instanceof Leaf) break;
      if (node instanceof Extension) {
        if (sharedPrefix(node.path, path, at) < node.path.length) break;
        at += node.path.length;
        node = this.#readChild(node);
      } else {
        node = this.#readBranch(node, path[at] ?? 0);
        at++;
      }
    }
    return proof;
  }

  /** Every key from `start` on, ascending, with its value. Reads no more nodes than it must to go on. */
  *entriesFrom(start: Uint8Array): Generator<readonly [key: Uint8Array, value: Uint8Array]> {
    yield* this.#walk(this.#readRoot(), [], toNibbles(start));
  }

  *#walk(node: Node | null, prefix: readonly number[], start: Uint8Array): Generator<readonly [Uint8Array, Uint8Array]> {
    if (node === null) return;
    const path = node instanceof Branch ? prefix : [...prefix, ...node.path];
    if (endsBefore(path, start)) return;
    if (node instanceof Leaf) yield [fromNibbles(path), node.value];
    else if (node instanceof Extension) yield* this.#walk(this.#readChild(node), path, start);
    else {
      for (let index = 0; index < BRANCH_WIDTH; index++) {
        const below = [...path, index];
        if (!endsBefore(below, start)) yield* this.#walk(this.#readBranch(node, index), below, start);
      }
    }
  }

  #put(node: Node | null, path: Uint8Array, at: number, value: Uint8Array): Node {
    if (node === null) return new Leaf(path.subarray(at), value);
    if (node instanceof Branch) {
      const index = path[at] ?? 0;
      const before = this.#readBranch(node, index);
      const after = this.#put(before, path, at + 1, value);
      return after === before ? node : withChild(node, index, after);
    }
    const shared = sharedPrefix(node.path, path, at);
    if (shared === node.path.length) {
      if (node instanceof Leaf) return equalBytes(node.value, value) ? node : new Leaf(node.path, value);
      const before = this.#readChild(node);
      const after = this.#put(before, path, at + shared, value);
      return after === before ? node : new Extension(node.path, after);
    }
    return split(node, shared, path, at, value);
  }

  #delete(node: Node | null, path: Uint8Array, at: number): Node | null {
    if (node === null) return null;
    if (node instanceof Leaf) return equalsNibbles(node.path, path, at) ? null : node;
    if (node instanceof Extension) {
      if (sharedPrefix(node.path, path, at) < node.path.length) return node;
      const before = this.#readChild(node);
      const after = this.#delete(before, path, at + node.path.length);
      if (after === before) return node;
      return after === null ? null : prepend(node.path, after);
    }
    const index = path[at] ?? 0;
    const before = this.#readBranch(node, index);
    const after = this.#delete(before, path, at + 1);
    return after === before ? node : this.#shrink(withChild(node, index, after));
  }

  /** A branch with a single child left is no branch any more. */
  #shrink(branch: Branch): Node | null {
    let only = -1;
    for (let index = 0; index < BRANCH_WIDTH; index++) {
      if (branch.children[index] === null) continue;
      if (only >= 0) return branch;
      only = index;
    }
    const left = only < 0 ? null : this.#readBranch(branch, only);
    return left === null ? null : prepend(Uint8Array.of(only), left);
  }

  #readRoot(): Node | null {
    this.#root = this.#resolve(this.#root);
    return this.#root;
  }

  #readChild(parent: Extension): Node | null {
    const node = this.#resolve(parent.child);
    parent.child = node;
    return node;
  }

  #readBranch(parent: Branch, index: number): Node | null {
    const node = this.#resolve(parent.children[index] ?? null);
    parent.children[index] = node;
    return node;
  }

  #resolve(child: Child): Node | null {
    if (child === null || isNode(child)) return child;
    if (!(child instanceof Uint8Array)) return decodeNode(child, child);
    const hash = toHex(child) as Hash;
    const bytes = this.#source.node(hash);
    if (bytes === undefined) {
      throw new StorageError('execution/state-missing', `State node ${hash} is not in the store; the state it belongs to cannot be read.`, {
        hash,
      });
    }
    this.#size.nodes++;
    return decodeNode(decodeStored(bytes, 'state node'), child);
  }
}

/** A root is named by its hash however short it is. */
function sealShort(ref: Stored, sink: NodeSink): Hash {
  const bytes = encodeRlp(ref);
  const hash = toHex(keccak256(bytes)) as Hash;
  sink(hash, bytes);
  return hash;
}

/** Whether all keys that begin like this are below `start`. */
function endsBefore(path: readonly number[], start: Uint8Array): boolean {
  for (const [at, nibble] of path.entries()) {
    const other = start[at];
    if (other === undefined || nibble > other) return false;
    if (nibble < other) return true;
  }
  return false;
}

/** A branch where the old node and the new key part ways, below what they share. */
function split(node: Leaf | Extension, shared: number, path: Uint8Array, at: number, value: Uint8Array): Node {
  const children: Child[] = new Array(BRANCH_WIDTH).fill(null);
  const rest = node.path.subarray(shared + 1);
  const old = node instanceof Leaf ? new Leaf(rest, node.value) : rest.length === 0 ? node.child : new Extension(rest, node.child);
  children[node.path[shared] ?? 0] = old;
  children[path[at + shared] ?? 0] = new Leaf(path.subarray(at + shared + 1), value);
  return prepend(node.path.subarray(0, shared), new Branch(children));
}

/** The same subtree one path further down. */
function prepend(path: Uint8Array, node: Node): Node {
  if (path.length === 0) return node;
  if (node instanceof Branch) return new Extension(path, node);
  const joined = new Uint8Array(path.length + node.path.length);
  joined.set(path);
  joined.set(node.path, path.length);
  return node instanceof Leaf ? new Leaf(joined, node.value) : new Extension(joined, node.child);
}

function withChild(branch: Branch, index: number, child: Child): Branch {
  const children = branch.children.slice();
  children[index] = child;
  return new Branch(children);
}

/** `seal`, in a step for each subtree that hangs `depth` levels below. */
function* sealSteps(node: Node, sink: NodeSink, depth: number): Generator<void, Ref> {
  if (depth > 0) {
    const below = node instanceof Branch ? node.children : node instanceof Extension ? [node.child] : [];
    for (const next of below) if (isUnsealed(next)) yield* sealSteps(next, sink, depth - 1);
  }
  const ref = seal(node, sink);
  yield;
  return ref;
}

function isUnsealed(child: Child): child is Node {
  return child !== null && isNode(child) && child.ref === undefined;
}

/** Hashes a node and what is new below it; answers how its parent names it. */
function seal(node: Node, sink: NodeSink): Ref {
  if (node.ref !== undefined) return node.ref;
  const raw = rawOf(node, sink);
  const bytes = encodeRlp(raw);
  if (bytes.length < HASH_BYTES) {
    node.ref = raw;
  } else {
    const hash = keccak256(bytes);
    sink(toHex(hash) as Hash, bytes);
    node.ref = hash;
  }
  return node.ref;
}

function rawOf(node: Node, sink: NodeSink): readonly Stored[] {
  if (node instanceof Leaf) return [toCompact(node.path, true), node.value];
  if (node instanceof Extension) return [toCompact(node.path, false), refOf(node.child, sink)];
  return [...node.children.map((child) => refOf(child, sink)), EMPTY];
}

function refOf(child: Child, sink: NodeSink): Ref {
  if (child === null) return EMPTY;
  return isNode(child) ? seal(child, sink) : child;
}

function isNode(child: Ref | Node): child is Node {
  return child instanceof Leaf || child instanceof Extension || child instanceof Branch;
}

function decodeNode(raw: Stored, ref: Ref): Node {
  if (raw instanceof Uint8Array || (raw.length !== 2 && raw.length !== BRANCH_WIDTH + 1)) throw corrupt('neither a pair nor a branch');
  if (raw.length === 2) return decodePair(raw, ref);
  const value = raw[BRANCH_WIDTH];
  if (!(value instanceof Uint8Array) || value.length !== 0) throw corrupt('a branch with a value');
  return new Branch(raw.slice(0, BRANCH_WIDTH).map(decodeChild), ref);
}

function decodePair(raw: readonly Stored[], ref: Ref): Node {
  const [key, content] = raw;
  if (!(key instanceof Uint8Array) || key.length === 0 || content === undefined) throw corrupt('a pair without a path');
  const { path, leaf } = fromCompact(key);
  if (!leaf) return new Extension(path, decodeChild(content), ref);
  if (!(content instanceof Uint8Array)) throw corrupt('a leaf whose value is a list');
  return new Leaf(path, content, ref);
}

function decodeChild(raw: Stored): Child {
  if (!(raw instanceof Uint8Array) || raw.length === HASH_BYTES) return raw;
  if (raw.length !== 0) throw corrupt('a reference of the wrong length');
  return null;
}
