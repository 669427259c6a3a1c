/** Ways to misbehave under any engine. */
import type { Block } from '../../chain/block.ts';
import type { Packet } from '../packets.ts';
import { type BehaviourFactory, repeatedly } from './behaviour.ts';
import { mutateBlock, mutatePacket, randomBytes, randomHash } from './mutation.ts';

const MUTATION_CHANCE = 0.2;
const GARBAGE_INTERVAL_MS = 5_000;
const REPLAY_INTERVAL_MS = 3_000;
const MAX_REMEMBERED = 256;
const WITHHELD_MS = 40_000;
const SWAP_CHANCE = 0.3;

/** Says nothing to anybody, and answers nothing. */
const silent: BehaviourFactory = () => ({ outgoing: () => [] });

/** Changes a part of what it sends. */
const mutating: BehaviourFactory = ({ random }) => ({
  outgoing: (_to, packet) => [random.chance(MUTATION_CHANCE) ? mutatePacket(packet, random) : packet],
});

/** Sends what nobody asked for and nobody can use. */
const garbage: BehaviourFactory = (tools) => {
  const { random, peers, send, chain } = tools;
  const rubbish = (): Packet => {
    const head = chain()?.head;
    const block = head && chain()?.block(head.hash);
    switch (random.below(6)) {
      case 0:
        return { type: 'message', bytes: randomBytes(random, random.below(200)) };
      case 1:
        return { type: 'transaction', bytes: randomBytes(random, random.below(40)) };
      case 2:
        return { type: 'headers', request: random.below(1_000), headers: [] };
      case 3:
        return { type: 'blocks', request: random.below(1_000), blocks: [] };
      case 4:
        return { type: 'getBlocks', request: 1, hashes: Array.from({ length: 1_000 }, () => randomHash(random)) };
      default:
        return block === undefined ? { type: 'refused', request: 1 } : { type: 'block', block: mutateBlock(block, random) };
    }
  };
  return { begin: () => repeatedly(tools, GARBAGE_INTERVAL_MS, () => peers().forEach((peer) => void send(peer, rubbish()))) };
};

/** Says again, to anybody and at any time, what was said once. */
const replaying: BehaviourFactory = (tools) => {
  const { random, peers, send } = tools;
  const heard: Packet[] = [];
  const remember = (packet: Packet) => {
    if (heard.length < MAX_REMEMBERED) heard.push(packet);
    else heard[random.below(MAX_REMEMBERED)] = packet;
  };
  return {
    outgoing: (_to, packet) => {
      remember(packet);
      return [packet];
    },
    received: (_from, packet) => remember(packet),
    begin: () =>
      repeatedly(tools, REPLAY_INTERVAL_MS, () => {
        const to = peers();
        if (heard.length > 0 && to.length > 0) send(random.pick(to), random.pick(heard));
      }),
  };
};

/** Claims a chain that nobody has, and gives nothing of it. */
const boasting: BehaviourFactory = ({ random }) => {
  const head = randomHash(random);
  return {
    status: (honest) => ({ ...honest, head, height: honest.height + 1_000, weight: honest.weight * 1_000n }),
    outgoing: (_to, packet) => {
      if (packet.type === 'status') {
        const { status } = packet;
        return [{ ...packet, status: { ...status, head, height: status.height + 1_000, weight: status.weight * 1_000n } }];
      }
      return packet.type === 'blocks' ? [{ ...packet, blocks: [] }] : [packet];
    },
  };
};

/** Shows the right headers with bodies that are not theirs, so that good blocks may be taken for bad ones (CVE-2012-2459). */
const swapping: BehaviourFactory = ({ random }) => {
  const swap = <B extends Block>(block: B): B =>
    random.chance(SWAP_CHANCE) ? { ...block, transactions: [...block.transactions, randomBytes(random, 14)] } : block;
  return {
    outgoing: (_to, packet) => {
      if (packet.type === 'block') return [{ ...packet, block: swap(packet.block) }];
      return [packet.type === 'blocks' ? { ...packet, blocks: packet.blocks.map(swap) } : packet];
    },
  };
};

/** Gives its own blocks to some at once and to others late, or never. */
const withholding: BehaviourFactory = ({ random, send, after }) => {
  const own = new WeakSet<Block>();
  return {
    engine: (honest) => {
      const watched = Object.create(honest) as typeof honest;
      watched.step = (state, event, context) => {
        const effects = honest.step(state, event, context);
        for (const effect of effects) if (effect.type === 'announce') own.add(effect.block);
        return effects;
      };
      return watched;
    },
    outgoing: (to, packet) => {
      if (packet.type !== 'block' || !own.has(packet.block) || random.chance(0.3)) return [packet];
      if (random.chance(0.5)) after(random.waiting(WITHHELD_MS), () => send(to, packet));
      return [];
    },
  };
};

/**
 * Has a rule of its own: the maker of a block is given one more than the others think. What it builds is valid to itself
 * alone, and so it goes on building on it. A bug in one implementation is such a node, without any malice.
 */
const minting: BehaviourFactory = () => ({
  engine: (honest) => {
    const changed = Object.create(honest) as typeof honest;
    changed.rewards = (block) => [...honest.rewards(block), { to: block.header.beneficiary, amount: 1n }];
    return changed;
  },
});

export const COMMON_BEHAVIOURS: ReadonlyMap<string, BehaviourFactory> = new Map([
  ['silent', silent],
  ['mutating', mutating],
  ['garbage', garbage],
  ['replaying', replaying],
  ['boasting', boasting],
  ['swapping', swapping],
  ['withholding', withholding],
  ['minting', minting],
]);

/**
 * Two honest copies with one identity, which is how a Byzantine node can say two things. Source: Bano et al., "Twins: BFT
 * Systems Made Robust" (2020). Each copy is honest; that they share a name and a key is the world's doing.
 */
export const TWIN = 'twin';

export const twin: BehaviourFactory = () => ({});
