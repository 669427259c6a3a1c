/** A comparison in words and cells: everything here is derived from what was measured. */
import type { CaseResult, Cases, EngineResult, Figures } from './figures.ts';
import { bears, CASE_TITLES, CASES, type CaseName, DEEP, finalityOf } from './plan.ts';

const MS_PER_SECOND = 1_000;
const BYTES_PER_KB = 1_000;
/** Less than this is nothing that a client would call a pause. */
const NOTICEABLE_MS = 500;
/** Nor is what is not so much longer than the longest pause without a fault: blocks may come by chance. */
const UNUSUAL = 1.5;
const DASH = '-';

export const COLUMNS = [
  'engine',
  'where',
  'nodes',
  'tx/s',
  'p50 ms to final',
  'p99 ms to final',
  'messages/block',
  'kB/block',
  'one crash: tx/s, pause',
  'leader crash: tx/s, pause',
  'partition: tx/s majority | cut off',
  'f Byzantine',
] as const;

/** The same columns for a terminal of 120; the cells are those of `shortRowsOf`. */
export const SHORT_COLUMNS = [
  'engine',
  'where',
  'n',
  'tx/s',
  'final:\np50 ms',
  'p99 ms',
  'msg/\nblock',
  'kB/\nblock',
  'one crash:\ntx/s, pause',
  'leader crash:\ntx/s, pause',
  'partition: tx/s\nmost | cut off',
  'f lie:\ntx/s',
] as const;

const SHORT_PLACES: { readonly [where: string]: string } = { simulator: 'sim', processes: 'real' };

/** What is left out here (who lied, and how) is in the sentences. */
export function shortRowsOf(result: EngineResult): string[][] {
  return rowsOf(result).map(([engine = '', where = '', ...cells]) => [
    engine,
    SHORT_PLACES[where] ?? where,
    ...cells.slice(0, -1),
    where === 'simulator' ? shortLie(result) : DASH,
  ]);
}

function shortLie({ simulator, engine, nodes }: EngineResult): string {
  const figures = simulator?.byzantine?.figures ?? null;
  if (figures === null) return DASH;
  if (bears(engine, nodes).lying === 0) return 'not borne';
  return figures.broken.length === 0 ? number(figures.perSecond) : 'BROKEN';
}

/** Two rows for each engine: what was not asked for has none. */
export function rowsOf({ engine, nodes, simulator, processes, behaviour }: EngineResult): string[][] {
  const row = (where: string, cases: Cases | null, isFirst: boolean): string[][] => {
    if (cases === null) return [];
    const calm = cases.calm?.figures ?? null;
    return [
      [
        isFirst ? engine : '',
        where,
        isFirst ? String(nodes) : '',
        ...(calm === null ? [short(cases.calm), DASH, DASH] : [number(calm.perSecond), milliseconds(calm.p50Ms), milliseconds(calm.p99Ms)]),
        number(calm?.traffic?.messagesPerBlock),
        number(calm?.traffic === null || calm === null ? undefined : calm.traffic.bytesPerBlock / BYTES_PER_KB),
        interrupted(cases.crash),
        interrupted(cases.leader),
        parted(cases.partition),
        where === 'simulator' ? lied(cases.byzantine, engine, nodes, behaviour) : DASH,
      ],
    ];
  };
  return [...row('simulator', simulator, true), ...row('processes', processes, simulator === null)];
}

function short(result: CaseResult | undefined): string {
  return result === undefined ? DASH : 'not measured';
}

function interrupted(result: CaseResult | undefined): string {
  const figures = result?.figures ?? null;
  return figures === null ? short(result) : `${number(figures.perSecondInFault)}, ${seconds(figures.pauseMs)}${mark(figures)}`;
}

function parted(result: CaseResult | undefined): string {
  const figures = result?.figures ?? null;
  return figures === null ? short(result) : `${number(figures.perSecondInFault)} | ${number(figures.perSecondCutOff)}${mark(figures)}`;
}

function lied(result: CaseResult | undefined, engine: string, nodes: number, behaviour: string): string {
  const figures = result?.figures ?? null;
  if (figures === null) return short(result);
  const { lying } = bears(engine, nodes);
  const who = lying === 0 ? `not borne (1 ${behaviour})` : `${lying} ${behaviour}`;
  return `${who}: ${number(figures.perSecond)} tx/s, ${figures.broken.length === 0 ? 'nothing broken' : 'BROKEN'}`;
}

function mark({ broken }: Figures): string {
  return broken.length === 0 ? '' : ' BROKEN';
}

/** Three digits that count. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return DASH;
  return value.toLocaleString('en-US', value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 2 });
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? 'never' : number(value);
}

function seconds(ms: number): string {
  return `${number(ms / MS_PER_SECOND)} s`;
}

// ---- Sentences --------------------------------------------------------------------------------------------------

/** What to read in the rows of this engine. Of real processes where they were measured, else of the simulator. */
export function readingOf(result: EngineResult): string {
  const { engine, nodes, simulator, processes } = result;
  const isReal = processes?.calm?.figures !== null && processes?.calm?.figures !== undefined;
  const from = isReal ? processes : (simulator ?? processes);
  if (from === null) return `${engine}: nothing was measured.`;
  const sentences = [
    calmSentence(from, engine, nodes),
    crashSentence(from, engine),
    partitionSentence(from),
    lieSentence(result),
    brokenSentence(result),
    missingSentence(result),
  ];
  return `${engine}: ${sentences.filter((sentence) => sentence !== '').join(' ')}`;
}

function calmSentence({ calm }: Cases, engine: string, nodes: number): string {
  const figures = calm?.figures ?? null;
  if (figures === null) return '';
  if (figures.perSecond === 0) return `${nodes} nodes made no progress: of ${figures.sent} transactions none became final.`;
  const rule = finalityOf(engine);
  const how = rule === 'deep' ? ` (${DEEP} blocks deep, which is a policy and no proof)` : rule === 'voted' ? ', by later votes' : '';
  return `${nodes} nodes took ${number(figures.perSecond)} tx/s; half of them were final after ${span(figures.p50Ms)}, 99% after ${span(figures.p99Ms)}${how}.`;
}

function crashSentence({ calm, crash, leader }: Cases, engine: string): string {
  const [one, first] = [crash?.figures?.pauseMs ?? null, leader?.figures?.pauseMs ?? null];
  if (one === null || first === null) return '';
  const usualMs = Math.max(NOTICEABLE_MS, UNUSUAL * (calm?.figures?.pauseMs ?? 0));
  const felt = (ms: number) => (ms < usualMs ? `was not felt (${span(ms)})` : `cost ${span(ms)} without a transaction`);
  const recovered = isBack(leader) ? '' : ' It did not take transactions again before the end.';
  // Nobody leads where the next block is anybody's.
  const whom = engine === 'pow' || engine === 'pos' ? 'the maker of the newest block' : 'its leader';
  return `Losing ${whom} ${felt(first)}; losing another node ${felt(one)}.${recovered}`;
}

/** Whether anything came into a block once the fault was over. */
function isBack(result: CaseResult | undefined): boolean {
  const figures = result?.figures ?? null;
  if (figures === null || figures.fault === null) return true;
  const after = figures.bySecond.slice(Math.floor(figures.fault.toMs / MS_PER_SECOND));
  return after.length === 0 || after.some(({ majority }) => majority > 0);
}

function partitionSentence({ partition }: Cases): string {
  const figures = partition?.figures ?? null;
  if (figures === null) return '';
  const { perSecondInFault: majority, perSecondCutOff: cutOff } = figures;
  const onward = (majority ?? 0) > 0 ? `the larger side went on with ${number(majority)} tx/s` : 'the larger side took nothing';
  const behind =
    (cutOff ?? 0) > 0
      ? `the smaller side took ${number(cutOff)} tx/s that the whole network kept in the end`
      : 'the smaller side took nothing';
  return `Cut in two, ${onward} and ${behind}.`;
}

function lieSentence({ engine, nodes, simulator, behaviour }: EngineResult): string {
  const figures = simulator?.byzantine?.figures ?? null;
  if (figures === null) return '';
  const { lying } = bears(engine, nodes);
  const isSound = figures.broken.length === 0;
  const outcome = isSound ? `nothing was contradicted at ${number(figures.perSecond)} tx/s` : `it broke (${kinds(figures)})`;
  if (lying > 0) return `With ${lying} of ${nodes} lying (${behaviour}) ${outcome}.`;
  return `It bears no lying member: with one (${behaviour}) ${outcome}${isSound ? ', by luck and not by design' : ''}.`;
}

function brokenSentence({ simulator, processes }: EngineResult): string {
  const names: CaseName[] = ['calm', 'crash', 'leader', 'partition'];
  const found = [simulator, processes].flatMap((cases) => names.flatMap((name) => cases?.[name]?.figures?.broken ?? []));
  return found.length === 0 ? '' : `What must not happen did: ${found[0]}`;
}

/** Real liars are never there: that is no news. */
function missingSentence({ simulator, processes }: EngineResult): string {
  const asked = [
    ['In the simulator', simulator],
    ['On real processes', processes],
  ] as const;
  const missing = asked.flatMap(([where, cases]) => {
    const name = CASES.find((each) => cases?.[each]?.figures === null && !(each === 'byzantine' && cases === processes));
    const reason = name === undefined ? null : (cases?.[name]?.reason ?? null);
    return name === undefined || reason === null ? [] : [`${where} '${CASE_TITLES[name]}' could not be measured: ${reason}.`];
  });
  return missing.join(' ');
}

/** Which checkers objected. */
function kinds({ broken }: Figures): string {
  return [...new Set(broken.map((text) => text.split(':')[0] ?? text))].join(', ');
}

function span(ms: number): string {
  if (Number.isNaN(ms)) return 'no time (none did)';
  return ms < MS_PER_SECOND ? `${number(ms)} ms` : `${number(ms / MS_PER_SECOND)} s`;
}
