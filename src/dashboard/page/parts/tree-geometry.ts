/** Sizes of the block tree in CSS pixels, and what part of the chain it shows. */

/** The least width of a height; they share what there is. */
export const STEP = 22;
export const MAX_HEIGHTS = 64;
export const LANE = 26;
export const ROW = 20;
export const TOP = 26;
export const LABELS = 52;
/** On a phone there is room for the numbers alone. */
export const NARROW_LABELS = 20;
export const NARROW = 520;
export const SIDE = 12;
export const LABEL_EVERY = 5;

/** Heights from one to another, both included. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** Where a height is. */
export type Scale = (number: number) => number;

export const laneY = (lane: number) => TOP + lane * LANE + LANE / 2 - 4;
