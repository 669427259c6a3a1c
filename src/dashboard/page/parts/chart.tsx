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
const AXIS_WIDTH = 64;

export function Chart({ columns, over, lines, show, least, most }: ChartProps) {
  const [ref, width] = useWidth<HTMLDivElement>(400);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(columns);
  latest.current = columns;
  useEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(), latest.current as uPlot.AlignedData, element);
    };
    const optionsOf = (): uPlot.Options => {
      const style = getComputedStyle(document.documentElement);
      const colour = (name: string) => style.getPropertyValue(name).trim();
      const axis = {
        stroke: colour('--ink-3'),
        grid: { stroke: colour('--line'), width: 1 },
        ticks: { show: false },
        font: `11px ${colour('--sans')}`,
      };
      return {
        width,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 5 }, drag: { x: false, y: false } },
        scales: { x: { time: over === 'time' }, y: { range: (_, low, high) => rangeOf(low, high, least, most) } },
        axes: [
          {
            ...axis,
            ...(over === 'height'
              ? { values: (_, values) => values.map((value) => (Number.isInteger(value) ? value.toLocaleString('en-US') : '')) }
              : {}),
          },
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
  useEffect(() => plot.current?.setData(columns as uPlot.AlignedData), [columns]);
  return <div ref={ref} class="chart" role="img" aria-label={describe(columns, lines, show)} />;
}

/** Never a range without extent, nor one that makes noise look like news. */
function rangeOf(low: number | null, high: number | null, least: number | undefined, most: number | undefined): [number, number] {
  const bottom = least ?? low ?? 0;
  const top = most ?? Math.max(high ?? 1, bottom + 1e-9);
  const room = most === undefined ? Math.max(0.08 * (top - bottom), top === 0 ? 1 : 1e-3 * Math.abs(top)) : 0;
  return [bottom, top + room];
}

/** What a chart says to who cannot see it: its newest values. */
function describe(columns: Columns, lines: ChartProps['lines'], show: (value: number) => string): string {
  return lines
    .map(({ name }, place) => {
      const last = columns[place + 1]?.findLast((value) => value !== null);
      return `${name}: ${last === undefined || last === null ? 'nothing yet' : show(last)}`;
    })
    .join('; ');
}
