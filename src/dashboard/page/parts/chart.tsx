/** A chart by uPlot in the page's colours, drawn anew when those or its width change. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Columns } from '../model/series.ts';
import { useWidth } from './use-width.ts';

export interface ChartProps {
  readonly columns: Columns;
  /** `height` on the horizontal axis, or time. */
  readonly over: 'height' | 'time';
  readonly lines: readonly { readonly name: string; readonly colour: string }[];
  readonly show: (value: number) => string;
  readonly least?: number;
  readonly most?: number;
}

const HEIGHT = 190;
const AXIS_WIDTH = 74;

export function Chart({ columns, over, lines, show, least, most }: ChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>(400);
  const plot = useRef<uPlot | null>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const latest = useRef(columns);
  latest.current = columns;
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    /** Under the pointer, else the newest. */
    const read = (place: number | null) => {
      if (readout.current !== null) readout.current.textContent = describe(latest.current, lines, show, over, place);
    };
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(), latest.current as uPlot.AlignedData, element);
    };
    const optionsOf = (): uPlot.Options => {
      const style = getComputedStyle(element);
      // By way of an element's own colour: the variable itself still names those of both grounds.
      const colour = (name: string) => {
        element.style.color = `var(${name})`;
        const { color } = style;
        element.style.color = '';
        return color;
      };
      const axis = {
        stroke: colour('--ink-3'),
        grid: { stroke: colour('--line'), width: 1 },
        ticks: { show: false },
        font: `11px ${style.fontFamily}`,
      };
      return {
        width,
        height: HEIGHT,
        legend: { show: false },
        padding: [10, 26, 0, 0],
        hooks: { setCursor: [(self) => read(self.cursor.idx ?? null)] },
        cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
        scales: { x: { time: over === 'time' }, y: { range: (_, low, high) => rangeOf(low, high, least, most) } },
        axes: [
          { ...axis, size: 24, values: (_, values) => values.map(over === 'time' ? clock : whole) },
          { ...axis, size: AXIS_WIDTH, values: (_, values) => values.map(show) },
        ],
        series: [{}, ...lines.map((line) => ({ label: line.name, stroke: colour(line.colour), width: 1.5, points: { show: false } }))],
      };
    };
    draw();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', draw);
    addEventListener('themechange', draw);
    return () => {
      dark.removeEventListener('change', draw);
      removeEventListener('themechange', draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [width]);
  useEffect(() => {
    plot.current?.setData(columns as uPlot.AlignedData);
    if (readout.current !== null) readout.current.textContent = describe(columns, lines, show, over, plot.current?.cursor.idx ?? null);
  }, [columns]);
  return (
    <>
      {/* Written by hand: the pointer changes it more often than the page is drawn. */}
      <p ref={readout} class="readout" />
      <div ref={ref} class="chart" />
    </>
  );
}

/** Never a range without extent, nor one that makes noise look like news. */
function rangeOf(low: number | null, high: number | null, least: number | undefined, most: number | undefined): [number, number] {
  const bottom = least ?? low ?? 0;
  if (most !== undefined) return [bottom, most];
  const top = high ?? bottom;
  return top <= bottom ? [bottom, bottom + 1] : [bottom, top + 0.08 * (top - bottom)];
}

const whole = (height: number) => (Number.isInteger(height) ? height.toLocaleString('en-US') : '');
const clock = (seconds: number) => new Date(1_000 * seconds).toLocaleTimeString('en-GB');

/** One place of a chart in words; the newest with a value where none is given. */
function describe(
  columns: Columns,
  lines: ChartProps['lines'],
  show: (value: number) => string,
  over: ChartProps['over'],
  place: number | null,
): string {
  const at = place ?? (columns[1] ?? []).findLastIndex((value) => value !== null);
  const x = columns[0]?.[at];
  if (x === undefined || x === null) return 'nothing yet';
  const values = lines
    .map((_, line) => columns[line + 1]?.[at])
    .map((value) => (value === undefined || value === null ? '—' : show(value)));
  return `${values.join(', ')} at ${over === 'time' ? clock(x) : `block ${whole(x)}`}`;
}
