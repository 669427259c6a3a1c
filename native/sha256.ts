/**
 * SHA-256's compression function over the words of words.ts.
 *
 * Source: FIPS 180-4, sections 4.1.2 (functions), 4.2.2 (constants), 5.3.3 (initial value) and 6.2.2 (compression).
 */
import { assert, present } from '../src/base/assert.ts';
import { add, and, constant, rotateRight, shiftRight, type Word, xor } from './words.ts';
import type { Writer } from './writer.ts';

const GROUPS = 4;
const ROUNDS_PER_GROUP = 16;

const firstPrimes = (count: number): number[] => {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
};

/** The first 32 bits after the binary point. */
const fraction = (value: number): number => Math.floor((value % 1) * 2 ** 32);

export const ROUND_CONSTANTS: readonly number[] = firstPrimes(GROUPS * ROUNDS_PER_GROUP).map((prime) => fraction(Math.cbrt(prime)));
export const INITIAL_STATE: readonly Word[] = firstPrimes(8).map((prime) => constant(fraction(Math.sqrt(prime))));

/**
 * How the 64 rounds are laid out in code, in groups of 16: first `unrolled` groups, then one group in a loop that
 * runs `repeated` times, then the remaining groups unrolled again.
 *
 * Unrolled rounds profit from what is known about their words; repeated ones keep the code small enough for the
 * processor's cache of decoded instructions. README.md has the measurements.
 */
export interface Layout {
  readonly unrolled: number;
  readonly repeated: number;
}

/** State (8 words), the last 16 words of the message schedule, and the order in which to compute what led here. */
interface Progress {
  readonly state: readonly Word[];
  readonly schedule: readonly Word[];
  readonly order: readonly Word[];
}

/** One compression: the state after `block` (16 words). The caller's writer receives the code of the loop, if any. */
export function compress(
  writer: Writer,
  state: readonly Word[],
  block: readonly Word[],
  layout: Layout,
): { state: Word[]; order: readonly Word[] } {
  const { unrolled, repeated } = layout;
  assert(unrolled >= 1 && repeated >= 0 && unrolled + repeated <= GROUPS, 'a layout covers at most 64 rounds and unrolls the first 16');
  let progress = unrolledGroups({ state, schedule: block, order: [] }, 0, unrolled);
  if (repeated > 0) progress = repeatedGroups(writer, progress, unrolled, repeated);
  progress = unrolledGroups(progress, unrolled + repeated, GROUPS);
  const sum = progress.state.map((word, index) => add(word, at(state, index)));
  return { state: sum, order: progress.order };
}

function unrolledGroups(start: Progress, from: number, to: number): Progress {
  let progress = start;
  for (let group = from; group < to; group++) {
    const constants = ROUND_CONSTANTS.slice(group * ROUNDS_PER_GROUP, (group + 1) * ROUNDS_PER_GROUP).map(constant);
    progress = sixteenRounds(progress, constants, group > 0);
  }
  return progress;
}

function repeatedGroups(writer: Writer, { state, schedule, order }: Progress, firstGroup: number, times: number): Progress {
  const variables = writer.variables([...state, ...schedule], order);
  const split = { state: variables.slice(0, 8), schedule: variables.slice(8), order: [] };
  writer.repeat(times, ROUNDS_PER_GROUP, variables, () => {
    const constants = Array.from({ length: ROUNDS_PER_GROUP }, (_, index) => writer.roundConstant(firstGroup * ROUNDS_PER_GROUP + index));
    const after = sixteenRounds(split, constants, true);
    return { values: [...after.state, ...after.schedule], order: after.order };
  });
  return split;
}

function sixteenRounds(start: Progress, constants: readonly Word[], extend: boolean): Progress {
  const schedule = extend ? extendSchedule(start.schedule) : start.schedule;
  const order = [...start.order];
  let state = start.state;
  let bc = xor(at(state, 1), at(state, 2));
  for (let round = 0; round < ROUNDS_PER_GROUP; round++) {
    const ab = xor(at(state, 0), at(state, 1));
    state = oneRound(state, { ab, bc }, at(constants, round), at(schedule, round));
    bc = ab;
    // The schedule runs one word ahead: the next word waits for none of this round's results, so that the processor
    // has work while it waits for them. README.md has the figures.
    order.push(at(schedule, Math.min(round + 1, ROUNDS_PER_GROUP - 1)), at(schedule, round), at(state, 4), at(state, 0));
  }
  return { state, schedule, order };
}

/** The next 16 words of the message schedule. The order of the terms matters for speed only. */
function extendSchedule(previous: readonly Word[]): Word[] {
  const words = [...previous];
  for (let t = 16; t < 32; t++) {
    const [early, late] = [at(words, t - 15), at(words, t - 2)];
    const sigma0 = xor(rotateRight(early, 7), rotateRight(early, 18), shiftRight(early, 3));
    const sigma1 = xor(rotateRight(late, 17), rotateRight(late, 19), shiftRight(late, 10));
    words.push(add(at(words, t - 16), at(words, t - 7), sigma1, sigma0));
  }
  return words.slice(16);
}

/** a xor b of one round is b xor c of the next: carried along, it saves an operation of the majority function. */
function oneRound(state: readonly Word[], { ab, bc }: { ab: Word; bc: Word }, roundConstant: Word, scheduled: Word): Word[] {
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => at(state, index)) as EightWords;
  const choice = xor(g, and(e, xor(f, g)));
  const majority = xor(b, and(ab, bc));
  const sum0 = xor(rotateRight(a, 2), rotateRight(a, 13), rotateRight(a, 22));
  const sum1 = xor(rotateRight(e, 6), rotateRight(e, 11), rotateRight(e, 25));
  const t1 = add(h, roundConstant, scheduled, choice, sum1);
  const t2 = add(sum0, majority);
  return [add(t1, t2), a, b, c, add(d, t1), e, f, g];
}

type EightWords = [Word, Word, Word, Word, Word, Word, Word, Word];

function at(words: readonly Word[], index: number): Word {
  return present(words[index], `word ${index}`);
}
