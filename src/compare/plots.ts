/**
 * Plots as SVG text, drawn when the report is written: nothing in the page has to run. Colours are custom properties of the
 * page, so that the same drawing is right on a light and on a dark ground.
 */
import { escapeHtml } from '../simulator/picture/embed.ts';
import type { Second } from './book.ts';
import { QUANTILES } from './figures.ts';
import type { Window } from './plan.ts';

/** A line with its name. `colour` numbers the page's colours. */
export interface Curve {
  readonly name: string;
  readonly colour: number;
  /** In ascending x; NaN leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly title: string;
  readonly ticks: readonly number[];
  readonly isLogarithmic: boolean;
}

const WIDTH = 440;
const HEIGHT = 220;
const MARGIN = { left: 52, right: 26, top: 12, bottom: 40 };
const MS_PER_SECOND = 1_000;
const TICKS = 4;

/** The share of transactions that were final after so long: latencies on a logarithmic axis. */
export function latencyPlot(
  curves: readonly { readonly name: string; readonly colour: number; readonly latenciesMs: readonly number[] }[],
): string {
  const drawn = curves.map(({ name, colour, latenciesMs }) => ({
    name,
    colour,
    points: latenciesMs.map((ms, i) => [Math.max(1, ms), 100 * (QUANTILES[i] ?? 0)] as const),
  }));
  const all = drawn.flatMap(({ points }) => points.map(([ms]) => ms)).filter((ms) => Number.isFinite(ms));
  if (all.length === 0) return '<p class="quiet">Nothing became final.</p>';
  const low = 10 ** Math.floor(Math.log10(Math.min(...all)));
  const high = 10 ** Math.max(Math.ceil(Math.log10(Math.max(...all))), Math.log10(low) + 1);
  const decades = Array.from({ length: Math.round(Math.log10(high / low)) + 1 }, (_, i) => low * 10 ** i);
  const x: Axis = { low, high, title: 'from sent to final, ms', ticks: decades, isLogarithmic: true };
  const y: Axis = { low: 0, high: 100, title: '% of transactions', ticks: [0, 25, 50, 75, 100], isLogarithmic: false };
  return plot('Distribution of latencies', x, y, drawn, null);
}

/** Transactions by the second, with the time of the fault marked. */
export function throughputPlot(title: string, bySecond: readonly Second[], fault: Window | null, isParted: boolean): string {
  const line = (side: keyof Second) => bySecond.map((second, i) => [i + 0.5, second[side]] as const);
  const curves: Curve[] = [
    { name: isParted ? 'clients of the larger side' : 'all clients', colour: 0, points: line('majority') },
    ...(isParted ? [{ name: 'clients of the side that is cut off', colour: 1, points: line('minority') }] : []),
  ];
  const highest = Math.max(1, ...bySecond.flatMap(({ majority, minority }) => [majority, minority]));
  const step = niceStep(highest / TICKS);
  const high = step * Math.ceil(highest / step);
  const every = Math.max(1, niceStep(bySecond.length / 8));
  const seconds = Array.from({ length: Math.floor(bySecond.length / every) + 1 }, (_, i) => i * every);
  const x: Axis = { low: 0, high: bySecond.length, title: 'seconds', ticks: seconds, isLogarithmic: false };
  const ticks = Array.from({ length: Math.round(high / step) + 1 }, (_, i) => i * step);
  const y: Axis = { low: 0, high, title: 'tx/s', ticks, isLogarithmic: false };
  return plot(title, x, y, curves, fault);
}

function plot(title: string, x: Axis, y: Axis, curves: readonly Curve[], fault: Window | null): string {
  const atX = (value: number) => MARGIN.left + share(x, value) * (WIDTH - MARGIN.left - MARGIN.right);
  const atY = (value: number) => HEIGHT - MARGIN.bottom - share(y, value) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
  const band = fault === null ? '' : faultBand(atX(fault.fromMs / MS_PER_SECOND), atX(fault.toMs / MS_PER_SECOND), top, bottom);
  const across = y.ticks.map((tick) => {
    const at = round(atY(tick));
    return `<path class="grid" d="M${MARGIN.left} ${at}H${WIDTH - MARGIN.right}"/><text x="${MARGIN.left - 6}" y="${at + 4}" text-anchor="end">${label(tick)}</text>`;
  });
  const along = x.ticks.map((tick) => `<text x="${round(atX(tick))}" y="${bottom + 16}" text-anchor="middle">${label(tick)}</text>`);
  const lines = curves.map(
    ({ colour, points }) => `<path class="curve c${colour}" d="${pathOf(points.map(([a, b]) => [atX(a), atY(b)]))}"/>`,
  );
  const titles = [
    `<text class="axis" x="${(WIDTH + MARGIN.left) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(x.title)}</text>`,
    `<text class="axis" transform="translate(14 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y.title)}</text>`,
  ];
  const drawing = [band, ...across, ...along, ...lines, ...titles].join('');
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)}">${drawing}</svg>${legend(curves)}`;
}

function faultBand(from: number, to: number, top: number, bottom: number): string {
  const [x, width] = [round(from), round(to - from)];
  return `<rect class="fault" x="${x}" y="${top}" width="${width}" height="${bottom - top}"/><text class="fault-name" x="${x + 4}" y="${top + 12}">fault</text>`;
}

function legend(curves: readonly Curve[]): string {
  const names = curves.map(({ name, colour }) => `<li><span class="swatch c${colour}"></span>${escapeHtml(name)}</li>`);
  return `<ul class="legend">${names.join('')}</ul>`;
}

function pathOf(points: readonly (readonly [x: number, y: number])[]): string {
  let isDown = false;
  return points
    .map(([x, y]) => {
      if (!Number.isFinite(x) || !Number.isFinite(y)) {
        isDown = false;
        return '';
      }
      const command = isDown ? 'L' : 'M';
      isDown = true;
      return `${command}${round(x)} ${round(y)}`;
    })
    .join('');
}

function share({ low, high, isLogarithmic }: Axis, value: number): number {
  return isLogarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** 1, 2 or 5 times a power of ten, at least this much. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least) ?? 10 * power);
}

function label(value: number): string {
  return value.toLocaleString('en-US');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
