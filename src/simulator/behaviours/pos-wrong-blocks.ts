/** Blocks that a proposer signs in its own slot and that break one rule of stake each; and one that somebody else proposes. */
import { concatBytes } from '../../base/bytes.ts';
import { ZERO_HASH } from '../../base/types.ts';
import { type Block, payloadCommitment } from '../../chain/block.ts';
import { type Header, hashHeader } from '../../chain/header.ts';
import { decodePayload, decodeSeal, encodePayload, encodeSeal } from '../../consensus/pos/codec.ts';
import { proposalRoot } from '../../consensus/pos/signing.ts';
import type { PosEffect } from '../../consensus/pos/state.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { Payload, ValidatorIndex } from '../../consensus/pos/types.ts';
import type { BehaviourFactory } from './behaviour.ts';
import { randomHash } from './mutation.ts';
import { Insider } from './pos-insider.ts';

/** Null where this block cannot be spoiled in this way. */
export type Spoil = (insider: Insider, block: Block) => Block | null;

const CHANCE = 0.5;

/** The slot that a block's time says. */
function slotIn({ tools, rules }: Insider, { timestamp }: Header): number {
  const genesis = tools.chain()?.genesis.header.timestamp ?? timestamp;
  return Math.floor((timestamp - genesis) / rules.settings.slotSeconds);
}

/** The same block with what was changed in it, signed by one of its own validators; null if it is another's. */
export function resealed(insider: Insider, block: Block, change: Partial<Header>, proposer?: ValidatorIndex): Block | null {
  const { turn, rules } = insider;
  const header = { ...block.header, ...change };
  const index = proposer ?? decodeSeal(block.seal).proposer;
  const signer = turn && insider.signerOf(turn.state.anchor.state, index);
  if (!signer) return null;
  const slot = slotIn(insider, header);
  const signature = signer.sign(proposalRoot(rules.params, epochOf(rules.settings, slot), slot, hashHeader(header)));
  return { ...block, header, seal: encodeSeal({ proposer: index, signature }) };
}

const withHeader =
  (change: (header: Header, insider: Insider) => Partial<Header>): Spoil =>
  (insider, block) =>
    resealed(insider, block, change(block.header, insider));

const withPayload =
  (change: (payload: Payload, insider: Insider) => Partial<Payload> | null): Spoil =>
  (insider, block) => {
    const payload = decodePayload(block.payload);
    const changed = change(payload, insider);
    if (changed === null) return null;
    const bytes = encodePayload({ ...payload, ...changed });
    return resealed(insider, { ...block, payload: bytes }, { extraData: payloadCommitment(bytes) });
  };

export const WRONG_BLOCKS: ReadonlyMap<string, Spoil> = new Map<string, Spoil>([
  ['a signature of another block', (_insider, block) => ({ ...block, header: { ...block.header, gasLimit: block.header.gasLimit - 1n } })],
  ['out of turn', (insider, block) => outOfTurn(insider, block)],
  ['a difficulty', withHeader(() => ({ difficulty: 1n }))],
  ['a nonce', withHeader(() => ({ nonce: '0x0000000000000001' }))],
  ['another RANDAO mix', withHeader((_header, { tools }) => ({ mixHash: randomHash(tools.random) }))],
  ['the slot of its parent', (insider, block) => inSlotOfParent(insider, block)],
  ['another state', withHeader((_header, { tools }) => ({ stateRoot: randomHash(tools.random) }))],
  ['another state of stake', withPayload((_payload, { tools }) => ({ parentState: randomHash(tools.random) }))],
  ['other voters', withPayload(() => ({ votersRoot: ZERO_HASH }))],
  ["a reveal that is nobody's", withPayload(({ randaoReveal }) => ({ randaoReveal: randaoReveal.with(0, (randaoReveal[0] ?? 0) ^ 1) }))],
  ['a payment that nobody is owed', withPayload(({ withdrawals }, { tools }) => payment(withdrawals, tools.params.genesisHash))],
  ['a request that nobody made', withPayload(({ requests }, insider) => unasked(requests, insider))],
  [
    'a vote that nobody cast',
    withPayload(({ attestations: [first, ...others] }) =>
      first === undefined
        ? null
        : { attestations: [{ ...first, signature: first.signature.with(0, (first.signature[0] ?? 0) ^ 1) }, ...others] },
    ),
  ],
  [
    'a vote of its own slot',
    withPayload(({ attestations: [first, ...others] }, { slot, rules: { settings } }) =>
      first === undefined || first.data.target.epoch !== epochOf(settings, slot)
        ? null
        : { attestations: [{ ...first, data: { ...first.data, slot } }, ...others] },
    ),
  ],
  ['a payload with more behind it', (insider, block) => withTail(insider, block)],
]);

function payment(withdrawals: Payload['withdrawals'], seed: string): Partial<Payload> {
  return { withdrawals: [...withdrawals, { validator: 0, to: `0x${seed.slice(2, 42)}` as never, amount: 1n }] };
}

/** In the name of the staking contract, which said nothing. */
function unasked(requests: Payload['requests'], { tools }: Insider): Partial<Payload> | null {
  const [signer] = tools.signers;
  return signer === undefined ? null : { requests: [...requests, { type: 'topUp', publicKey: signer.publicKey, amount: 1_000_000_000n }] };
}

function inSlotOfParent(insider: Insider, block: Block): Block | null {
  const parent = insider.tools.chain()?.get(block.header.parentHash);
  return parent === undefined ? null : resealed(insider, block, { timestamp: parent.header.timestamp });
}

function withTail(insider: Insider, block: Block): Block | null {
  const payload = concatBytes(block.payload, Uint8Array.of(0));
  return resealed(insider, { ...block, payload }, { extraData: payloadCommitment(payload) });
}

/** By a validator of its own whose turn it is not. */
function outOfTurn(insider: Insider, block: Block): Block | null {
  const { turn } = insider;
  const { proposer } = decodeSeal(block.seal);
  const { validators } = turn?.state.anchor.state ?? { validators: [] };
  const other = validators.findIndex((_, index) => index !== proposer && insider.signerOf({ validators }, index) !== undefined);
  return other < 0 ? null : resealed(insider, block, { gasLimit: block.header.gasLimit - 1n }, other);
}

/** Shows blocks with one of these faults in place of its own. */
export function wrongBlocks(kinds: readonly Spoil[], chance = 1): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    const change = (effects: readonly PosEffect[]): readonly PosEffect[] =>
      effects.flatMap((effect) => {
        if (effect.type !== 'announce' || !tools.random.chance(chance)) return effect;
        const block = tools.random.pick(kinds)(insider, effect.block);
        return block === null ? effect : { ...effect, block };
      });
    return { engine: (honest) => insider.around(honest, change) };
  };
}

export const anyWrongBlocks: BehaviourFactory = wrongBlocks([...WRONG_BLOCKS.values()], CHANCE);
