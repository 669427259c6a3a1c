/**
 * The report of a comparison: one page with everything in it, text and drawings, and no script. Its policy allows the one style
 * sheet by its hash, and no connection at all (CSP Level 3).
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { escapeHtml } from '../simulator/picture/embed.ts';
import type { CaseResult, Cases, EngineResult } from './figures.ts';
import { bears, CASE_TITLES, CASES, type CaseName, DEEP } from './plan.ts';
import { latencyPlot, throughputPlot } from './plots.ts';
import { COLUMNS, number, readingOf, rowsOf } from './readings.ts';

export interface Comparison {
  readonly seconds: number;
  readonly clients: number;
  readonly seed: string;
  readonly results: readonly EngineResult[];
}

const STYLE = new URL('./page.css', import.meta.url);
const PARTS = [
  ['processes', 'on real processes'],
  ['simulator', 'in the simulator'],
] as const;
/** Columns of the table that are text. */
const TEXT_COLUMNS = 2;

export function comparisonPage(comparison: Comparison): string {
  const style = readFileSync(STYLE, 'utf8');
  const integrity = `sha256-${createHash('sha256').update(style).digest('base64')}`;
  const policy = `default-src 'none'; style-src '${integrity}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const { results } = comparison;
  const title = `synod: ${results.map(({ engine }) => engine).join(', ')}`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<link rel="icon" href="data:,">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<h1>Consensus engines side by side</h1>',
    `<p class="quiet">${escapeHtml(howItWasMade(comparison))}</p>`,
    tableOf(results),
    '<h2>What to read in it</h2>',
    `<ul>${results.map((result) => `<li>${escapeHtml(readingOf(result))}</li>`).join('')}</ul>`,
    '<h2>How long until final, without a fault</h2>',
    ...PARTS.map(([part, where]) => latencies(results, part, where)),
    ...results.map(engineSection),
    '<h2>What the columns mean</h2>',
    meanings(),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function howItWasMade({ seconds, clients, seed }: Comparison): string {
  const load = `${clients} clients, each of which sends a transfer as soon as its last one is in a block`;
  return `Each case takes ${seconds} s, with ${load}. The simulator's part is that of seed ${seed} and the same on every machine; what real processes did depends on this one.`;
}

function tableOf(results: readonly EngineResult[]): string {
  const head = COLUMNS.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('');
  const cell = (text: string, column: number) => `<td${column < TEXT_COLUMNS ? '' : ' class="number"'}>${escapeHtml(text)}</td>`;
  const rows = results.flatMap(rowsOf).map((row) => `<tr>${row.map(cell).join('')}</tr>`);
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function latencies(results: readonly EngineResult[], part: 'processes' | 'simulator', where: string): string {
  const curves = results.flatMap(({ engine, [part]: cases }, colour) => {
    const figures = cases?.calm?.figures ?? null;
    return figures === null ? [] : [{ name: engine, colour, latenciesMs: figures.latenciesMs }];
  });
  return curves.length === 0 ? '' : `<figure><figcaption>${where}</figcaption>${latencyPlot(curves)}</figure>`;
}

function engineSection(result: EngineResult): string {
  const { engine, nodes } = result;
  const { crashed, lying } = bears(engine, nodes);
  const parts = PARTS.map(([part, where]) => casesOf(result[part], where));
  return `<section><h2>${escapeHtml(engine)}</h2><p class="quiet">${nodes} nodes, of which ${crashed} may crash and ${lying} may lie.</p>${parts.join('')}</section>`;
}

function casesOf(cases: Cases | null, where: string): string {
  if (cases === null) return '';
  const drawn = CASES.map((name) => caseOf(name, cases[name])).join('');
  return `<h3>${where}</h3><div class="cases">${drawn}</div>`;
}

function caseOf(name: CaseName, result: CaseResult | undefined): string {
  if (result === undefined) return '';
  const title = CASE_TITLES[name];
  const { figures } = result;
  if (figures === null)
    return `<figure><figcaption>${title}</figcaption><p class="quiet">Not measured: ${escapeHtml(result.reason)}.</p></figure>`;
  const hit = figures.hit.length === 0 ? '' : ` (node ${figures.hit.join(', ')})`;
  const counts = `${number(figures.sent)} sent, ${figures.unfinished === 0 ? 'all' : `all but ${number(figures.unfinished)}`} final in the end`;
  const broken = figures.broken.map((text) => `<li>${escapeHtml(text)}</li>`).join('');
  return [
    `<figure><figcaption>${title}${hit}: ${counts}</figcaption>`,
    throughputPlot(title, figures.bySecond, figures.fault, name === 'partition'),
    broken === '' ? '' : `<ul class="broken">${broken}</ul>`,
    '</figure>',
  ].join('');
}

function meanings(): string {
  const entries: readonly (readonly [string, string])[] = [
    [
      'tx/s',
      'transactions that came into a block and became final, a second, over the whole case. With few clients it is bounded by how soon each is served.',
    ],
    [
      'to final',
      `from sending a transaction until the client's node shows it final: decided and on disk; under proof-of-stake finalized by votes; under proof-of-work ${DEEP} blocks deep, which is a policy and no proof.`,
    ],
    ['messages, kB', 'what all nodes together send each other for a block, without the gossip of transactions; counted in the simulator.'],
    ['pause', 'the longest time, from the fault to the end of the case, in which no transaction came into a block.'],
    [
      'majority | cut off',
      'during the partition: transactions a second of clients of the larger side, and of the smaller one, that were kept in the end.',
    ],
    [
      'f Byzantine',
      'as many lying nodes as the engine bears, from the start; one where it bears none. Only the simulator has liars. BROKEN: a checker objected.',
    ],
  ];
  return `<dl>${entries.map(([term, text]) => `<dt>${escapeHtml(term)}</dt><dd>${escapeHtml(text)}</dd>`).join('')}</dl>`;
}
