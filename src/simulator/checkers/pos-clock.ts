/**
 * SilentAfterJump. Whoever's clock has jumped does not know what time it is: for two epochs its validators sign nothing, by this checker's
 * own reading of their clocks. On Medalla (August 2020) they signed at once for hours to come.
 */
import type { Effect } from '../../consensus/engine.ts';
import { decodeRecord } from '../../consensus/pos/records.ts';
import { parseSettings } from '../../consensus/pos/settings.ts';
import { isOfNode } from '../observations.ts';
import type { CheckerFactory } from './checker.ts';

const SILENT_EPOCHS = 2;
const MS_PER_SECOND = 1_000;
/** A step of more than half a slot is a jump; what lies near that may be taken for either, as clocks run at different speeds. */
const CLEARLY = 0.6;
/** No clock of a run is faster or slower than this part. */
const MOST_DRIFT = 0.2;

interface Reading {
  readonly atMs: number;
  readonly wallMs: number;
}

export const silentAfterJump: CheckerFactory = ({ params, isCorrect, nowMs, wallMsOf, report }) => {
  const { slotSeconds, slotsPerEpoch } = parseSettings(params.engine.settings);
  const slotMs = slotSeconds * MS_PER_SECOND;
  const silentMs = SILENT_EPOCHS * slotsPerEpoch * slotMs * (1 - MOST_DRIFT);
  const last = new Map<number, Reading>();
  const jumped = new Map<number, number>();

  function readClock(node: number): void {
    const before = last.get(node);
    const now = { atMs: nowMs(), wallMs: wallMsOf(node) };
    last.set(node, now);
    if (before === undefined) return;
    const passedMs = now.atMs - before.atMs;
    const stepMs = Math.abs(now.wallMs - before.wallMs - passedMs) - MOST_DRIFT * passedMs;
    if (stepMs > CLEARLY * slotMs) jumped.set(node, now.atMs);
  }

  return {
    name: 'SilentAfterJump',
    sees: ['started', 'step'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') {
        // Nobody can tell whether a clock has jumped while the power was off.
        last.delete(node);
        jumped.delete(node);
      }
      if (observation.type !== 'step') return;
      readClock(node);
      const sinceMs = nowMs() - (jumped.get(node) ?? Number.NEGATIVE_INFINITY);
      if (sinceMs >= silentMs) return;
      const signed = observation.effects.flatMap(signedIn);
      if (signed.length === 0) return;
      report({
        node,
        message: `Signs a ${signed.join(' and a ')} ${Math.round(sinceMs)} ms after its clock jumped; two epochs must pass.`,
      });
    },
  };
};

/** Every signature has a record before it leaves. */
function signedIn(effect: Effect<unknown>): string[] {
  if (effect.type !== 'persist') return [];
  return effect.records.flatMap((bytes) => {
    const { type } = decodeRecord(bytes);
    return type === 'vote' || type === 'proposal' ? type : [];
  });
}
