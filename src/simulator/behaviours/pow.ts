/**
 * Miners who do not play by the rules. Sources: Eyal and Sirer, "Majority is not Enough" (2014), for selfish mining;
 * BIP54 and the timewarp attack on Bitcoin's difficulty; the rewriting of history with most of the hash power is section
 * 11 of the Bitcoin paper.
 */
import { present } from '../../base/assert.ts';
import { nextDifficulty, type PowRules, recentTimes } from '../../consensus/pow/rules.ts';
import { parseSettings } from '../../consensus/pow/settings.ts';
import { type BehaviourFactory, type Tools, withStep } from './behaviour.ts';
import { flooding, orphaning } from './flooding.ts';
import { randomHash } from './mutation.ts';
import { PrivateChain } from './private-chain.ts';
import { doubleSpending, equivocating, unlawfulHeaders } from './unlawful.ts';

/** A rewriter publishes when it is so many blocks ahead of a branch of that depth, and gives up when so far behind. */
const REWRITE_DEPTH = 26;
const REWRITE_LEAD = 2;
const REWRITE_BEHIND = 12;

/** Hides each block that its engine announces, and lets `onPublic` decide whenever others have found one. */
function hiding(tools: Tools, onPublic: (hidden: PrivateChain, lead: number) => void): ReturnType<BehaviourFactory> {
  const hidden = new PrivateChain(tools);
  return {
    engine: (honest) =>
      withStep(honest, (state, event, context) => {
        const effects = honest.step(state, event, context);
        for (const effect of effects) if (effect.type === 'announce') hidden.hide(effect.block);
        return effects.filter(({ type }) => type !== 'announce');
      }),
    outgoing: (_to, packet) => hidden.censor(packet),
    status: (honest) => hidden.publicStatus(honest),
    received: (_from, packet) => {
      const head = tools.chain()?.head;
      if (packet.type !== 'block' || head === undefined || hidden.length === 0) return;
      onPublic(hidden, head.header.number - packet.block.header.number);
    },
  };
}

/** Keeps its blocks until others catch up, so that they work in vain: with a lead of two it wins whatever they do. */
const selfish: BehaviourFactory = (tools) =>
  hiding(tools, (hidden, lead) => {
    if (lead <= 1) hidden.publish();
    else hidden.publish((tools.chain()?.head.header.number ?? 0) - lead);
  });

/** Mines a branch in secret until it undoes what others take for settled. */
const rewriting: BehaviourFactory = (tools) =>
  hiding(tools, (hidden, lead) => {
    if (lead >= REWRITE_LEAD && hidden.length - lead >= REWRITE_DEPTH) hidden.publish();
    if (lead <= -REWRITE_BEHIND) hidden.giveUp();
  });

/** Dates its blocks as late as others bear, or as early as the median lets it: to make mining easy, or a pause seem to be. */
const timewarp: BehaviourFactory = ({ params, random }) => {
  const rules: PowRules = { params, settings: parseSettings(params.engine.settings), checkProof: () => undefined };
  return {
    engine: (honest) =>
      withStep(honest, (state, event, context) =>
        honest.step(state, event, context).map((effect) => {
          if (effect.type !== 'build') return effect;
          const parent = present(context.chain.get(effect.parent), 'the parent of a build');
          const times = recentTimes(parent, context.chain);
          const latest = Math.floor(context.wallMs / 1_000) + rules.settings.futureLimitSeconds;
          const timestamp = Math.max(times.median + 1, random.chance(0.5) ? latest : times.median + 1);
          const difficulty = nextDifficulty(rules, parent, context.chain, times, timestamp);
          return { ...effect, fields: { ...effect.fields, timestamp, difficulty } };
        }),
      ),
  };
};

/** Real work for blocks that do not execute to what they say. */
const invalidBlocks: BehaviourFactory = ({ random }) => ({
  engine: (honest) =>
    withStep(honest, (state, event, context) => {
      if (event.type !== 'built' || event.block === null || random.chance(0.5)) return honest.step(state, event, context);
      const { block } = event;
      const spoilt = { ...block, header: { ...block.header, stateRoot: randomHash(random) } };
      return honest.step(state, { ...event, block: spoilt }, context);
    }),
});

export const POW_BEHAVIOURS: ReadonlyMap<string, BehaviourFactory> = new Map([
  ['selfish', selfish],
  ['rewriting', rewriting],
  ['timewarp', timewarp],
  ['invalidBlocks', invalidBlocks],
  ['flooding', flooding],
  ['orphaning', orphaning],
  ['unlawfulHeaders', unlawfulHeaders],
  ['doubleSpending', doubleSpending],
  ['equivocating', equivocating],
]);
