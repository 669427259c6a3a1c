/** Light verification: what headers and payloads alone prove, and each way in which somebody can lie about them. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { LightBlock } from '../../../src/chain/light-block.ts';
import { encodePayload, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import { type LightChain, lightFrom, lightGenesis } from '../../../src/consensus/pos/light.ts';
import { encodeState } from '../../../src/consensus/pos/state-codec.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { StakeState } from '../../../src/consensus/pos/types.ts';
import { codeOf, GENESIS_TIME, StakeChain, someHash } from './stake-chain.ts';

const SLOTS = 4;
const LATER_MS = (GENESIS_TIME + 1_000_000) * 1_000;
const WRONG = new Uint8Array(96);

interface Followed {
  readonly chain: StakeChain;
  readonly blocks: readonly StakeBlock[];
  /** Before the block of the same place. */
  readonly states: readonly StakeState[];
}

function light({ header, payload, seal }: StakeBlock): LightBlock {
  return { header, seal: encodeSeal(seal), payload: encodePayload(payload) };
}

/** A block in each slot up to this one. */
function grown(slots: number, count = 8): Followed {
  const chain = new StakeChain(count);
  const blocks: StakeBlock[] = [];
  const states: StakeState[] = [];
  while (chain.state.slot < slots) {
    states.push(chain.state);
    blocks.push(chain.extend());
  }
  return { chain, blocks, states };
}

function follow(verifier: LightChain, blocks: readonly StakeBlock[]): LightChain {
  for (const block of blocks) verifier.follow(light(block), LATER_MS);
  return verifier;
}

function fromGenesis({ chain }: Followed): LightChain {
  return lightGenesis(chain.rules, chain.genesis);
}

function fromBlock({ chain, blocks, states }: Followed, at: number): LightChain {
  const block = present(blocks[at], 'a block');
  return lightFrom(chain.rules, chain.genesis, hashHeader(block.header), light(block), encodeState(present(states[at], 'a state')));
}

describe('consensus/pos light verification', () => {
  it('begins with genesis as the only thing that is final', () => {
    const given = grown(1);
    const verifier = fromGenesis(given);
    expect(verifier.finalized).toMatchObject({ epoch: 0, block: { hash: hashHeader(given.chain.genesis) } });
  });

  it('finds final what the state says, and what the votes of the unfinished epoch add to it', () => {
    const given = grown(SLOTS * 6 - 1);
    const verifier = follow(fromGenesis(given), given.blocks);
    expect(verifier.tip.hash).toBe(given.chain.state.block);
    expect(verifier.state).toEqual(given.chain.state);
    // Epoch 5 is about to end, and two thirds of it have voted.
    expect(given.chain.state.finalized.epoch).toBe(3);
    expect(verifier.finalized.epoch).toBe(4);
    expect(Number(verifier.finalized.block.facts.carried)).toBe(SLOTS * 4);
  });

  it('comes to the same from a block in the middle', () => {
    const given = grown(SLOTS * 6);
    const whole = follow(fromGenesis(given), given.blocks);
    for (const at of [0, 7, 8, 15]) {
      const part = follow(fromBlock(given, at), given.blocks.slice(at + 1));
      expect(part.finalized).toEqual(whole.finalized);
      expect(part.state).toEqual(whole.state);
    }
  });

  it('holds the trusted block itself final until something later is', () => {
    const given = grown(SLOTS * 5);
    const verifier = fromBlock(given, 9);
    expect(verifier.finalized.block.header.number).toBe(10);
    follow(verifier, given.blocks.slice(10, 13));
    expect(verifier.finalized.block.header.number).toBe(10);
  });

  it('proves nothing where less than two thirds vote', () => {
    const chain = new StakeChain(9);
    const verifier = lightGenesis(chain.rules, chain.genesis);
    const votes = (index: number) => index < 5;
    while (chain.state.slot < SLOTS * 5) verifier.follow(light(chain.extend(undefined, { votes })), LATER_MS);
    expect(verifier.finalized.block.header.number).toBe(0);
  });

  it('follows more blocks without finality than it keeps', () => {
    const chain = new StakeChain(4);
    const verifier = lightGenesis(chain.rules, chain.genesis);
    while (chain.state.slot < SLOTS * 10) verifier.follow(light(chain.extend(undefined, { votes: () => false })), LATER_MS);
    while (chain.state.slot < SLOTS * 14) verifier.follow(light(chain.extend()), LATER_MS);
    expect(verifier.finalized.epoch).toBeGreaterThanOrEqual(10);
    expect(verifier.get(hashHeader(chain.genesis))).toBeUndefined();
  });

  it('can take signatures as good on the way to a block that is trusted', () => {
    const given = grown(SLOTS);
    const unsigned = given.blocks.map((block) => ({ ...block, seal: { ...block.seal, signature: WRONG } }));
    const verifier = fromGenesis(given);
    for (const block of unsigned) verifier.follow(light(block), LATER_MS, { verify: false });
    expect(verifier.tip.hash).toBe(given.chain.state.block);
    expect(verifier.trusted().finalized.block.hash).toBe(given.chain.state.block);
    expect(codeOf(() => follow(fromGenesis(given), unsigned))).toBe('pos/signature');
  });
});

describe('consensus/pos light verification: branches', () => {
  it('takes a fork near the tip, and goes on with the longer one', () => {
    const given = grown(5);
    const verifier = follow(fromGenesis(given), given.blocks);
    const other = new StakeChain(8);
    const shared = given.blocks.slice(0, 3);
    for (const block of shared) {
      other.state = other.apply(block);
      other.head = block.header;
    }
    const branch = [other.extend(6), other.extend(7)];
    follow(verifier, branch);
    expect(verifier.tip.hash).toBe(other.state.block);
  });

  it('drops one that conflicts with what is final', () => {
    const given = grown(SLOTS * 6);
    const verifier = follow(fromGenesis(given), given.blocks);
    const rival = present(given.blocks[2], 'a block');
    expect(codeOf(() => follow(verifier, [{ ...rival, header: { ...rival.header, gasUsed: 1n } }]))).toBe('light/parent');
  });
});

describe('consensus/pos light verification: lies', () => {
  const given = grown(SLOTS * 3);
  const at = (number: number): StakeBlock => present(given.blocks[number - 1], 'a block');
  /** What a verifier says that has followed up to the block before. */
  const refusal = (number: number, block: LightBlock, wallMs = LATER_MS): string | undefined => {
    const verifier = follow(fromGenesis(given), given.blocks.slice(0, number - 1));
    return codeOf(() => verifier.follow(block, wallMs));
  };

  it.each([
    ["a payload that is not the header's", { ...light(at(6)), payload: light(at(7)).payload }, 'block/payload'],
    ['a block left out', light(at(7)), 'light/parent'],
    ['another proposer', { ...light(at(6)), seal: encodeSeal({ ...at(6).seal, proposer: (at(6).seal.proposer + 1) % 8 }) }, 'pos/proposer'],
    ['a signature that is none', { ...light(at(6)), seal: encodeSeal({ ...at(6).seal, signature: WRONG }) }, 'pos/signature'],
    ['a seal that is none', { ...light(at(6)), seal: new Uint8Array(3) }, 'decode/rlp'],
    ['another time', light({ ...at(6), header: { ...at(6).header, timestamp: GENESIS_TIME } }), 'pos/slot'],
  ])('finds %s', (_, block, code) => {
    expect(refusal(6, block)).toBe(code);
  });

  it('finds a forged vote, though header and seal fit it', () => {
    const verifier = follow(fromGenesis(given), given.blocks.slice(0, 5));
    const chain = new StakeChain(8);
    for (const block of given.blocks.slice(0, 5)) {
      chain.state = chain.apply(block);
      chain.head = block.header;
    }
    const { payload } = at(6);
    const [first] = payload.attestations;
    const forged = chain.seal(6, { ...payload, attestations: [{ ...present(first, 'a vote'), signature: WRONG }] }, {});
    expect(codeOf(() => verifier.follow(light(forged), LATER_MS))).toBe('pos/attestation-signature');
  });

  it('finds a block of the future', () => {
    expect(refusal(6, light(at(6)), GENESIS_TIME * 1_000)).toBe('pos/future');
  });

  it('refuses the chain of another network', () => {
    const other = new StakeChain(8, { minimumDepositEther: 31 });
    const foreign = { ...other.rules, params: { ...other.rules.params, chainId: 7 } };
    const verifier = lightGenesis(foreign, other.genesis);
    expect(codeOf(() => follow(verifier, given.blocks))).toBe('pos/state-root');
    const sameState = lightGenesis({ ...given.chain.rules, params: { ...given.chain.rules.params, chainId: 7 } }, given.chain.genesis);
    expect(codeOf(() => follow(sameState, given.blocks))).toBe('pos/signature');
  });
});

describe('consensus/pos light verification: a trusted block', () => {
  const given = grown(SLOTS * 2);
  const block = present(given.blocks[5], 'a block');
  const state = present(given.states[5], 'a state');
  const begin = (trusted: LightBlock, parentState: Uint8Array, hash = hashHeader(block.header)) =>
    codeOf(() => lightFrom(given.chain.rules, given.chain.genesis, hash, trusted, parentState));

  it('is checked against its hash', () => {
    expect(begin(light(block), encodeState(state), someHash(1))).toBe('light/checkpoint');
    expect(begin(light(present(given.blocks[4], 'another block')), encodeState(state))).toBe('light/checkpoint');
  });

  it('tells a forged state', () => {
    expect(begin(light(block), encodeState({ ...state, balances: state.balances.map((balance) => balance + 1n) }))).toBe('light/state');
    expect(begin(light(block), encodeState(present(given.states[4], 'an older state')))).toBe('light/state');
    expect(begin(light(block), new Uint8Array([0xc0]))).toBe('decode/pos-fields');
  });

  it('tells a forged payload', () => {
    expect(begin({ ...light(block), payload: new Uint8Array(0) }, encodeState(state))).toBe('block/payload');
  });
});
