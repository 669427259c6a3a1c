/** Makes a picture of what was collected: chooses what fits into a page, and says what it left out. */
import { byzantineNodes } from '../faults.ts';
import type { Result } from '../run.ts';
import { FOR_EVER_MS } from '../schedule.ts';
import type { PictureCollector } from './collector.ts';
import {
  type BlockColumns,
  MARK_KINDS,
  type MarkColumns,
  type MessageColumns,
  PICTURE_FORMAT,
  PICTURE_LIMITS,
  type PictureLimits,
  type PictureModel,
  type RoleColumns,
  type RunFacts,
} from './model.ts';
import { faultSentence } from './spans.ts';
import { type Budget, PageTexts } from './texts.ts';
import { firstAtOrAfter, type Interest, type TimeWindow, thinned, windowBefore, windowOf, windowOfInterest } from './window.ts';

export interface PictureInput {
  readonly collector: PictureCollector;
  readonly result: Result;
  /** For people: makes this picture again. */
  readonly command: string;
  /** The part of the run to show message by message, where the person has chosen one. */
  readonly fromUs?: number | undefined;
  readonly toUs?: number | undefined;
  readonly limits?: PictureLimits;
}

/** Of a violation that the faults excuse; one that nothing excuses decides alone. */
const VIOLATION_WEIGHT = 50;
/** How much there is to see in such a mark. A reorganisation counts by its depth. */
const WEIGHTS: { readonly [kind: string]: number } = { reorg: 3, stop: 2, invalid: 2, offence: 2, fault: 1, finalize: 0.2 };

/** One picture in the making. */
interface Draft {
  readonly collector: PictureCollector;
  readonly limits: PictureLimits;
  readonly window: TimeWindow;
  readonly texts: PageTexts;
  readonly leftOut: string[];
  /** Places of blocks here, by their places in the collector. */
  readonly blockPlaces: Map<number, number>;
}

export function buildPicture(input: PictureInput): PictureModel {
  const { collector, result, command, limits = PICTURE_LIMITS } = input;
  const endUs = Math.max(1, Math.round(result.stats.virtualMs * 1_000));
  collector.messages.finish();
  collector.spans.end(endUs);
  const window = chooseWindow(input, endUs, limits.messages);
  const draft: Draft = { collector, limits, window, texts: new PageTexts(), leftOut: [], blockPlaces: new Map() };
  const blocks = blockColumns(draft);
  const marks = markColumns(draft);
  const messages = messageColumns(draft, endUs);
  const roles = roleColumns(draft);
  const states = collector.states.read(window, { bytes: limits.stateBytes, refused: 0 });
  const offset = draft.texts.texts.length;
  sayWhatElseIsMissing(draft, states.stretchUs);
  return {
    format: PICTURE_FORMAT,
    run: runFacts(result, command, endUs, limits),
    nodes: nodeFacts(input),
    window,
    leftOut: draft.leftOut,
    texts: [...draft.texts.texts, ...states.texts.texts],
    markKinds: MARK_KINDS,
    messageKinds: collector.messages.kinds,
    fates: collector.messages.fates,
    messages,
    marks,
    blocks,
    spans: collector.spans.spans,
    roles,
    states: states.columns.map(({ atUs, text }) => ({ atUs, text: text.map((place) => (place === 0 ? 0 : place + offset)) })),
    density: collector.messages.density.read(),
  };
}

function chooseWindow({ collector, result, fromUs, toUs }: PictureInput, endUs: number, most: number): TimeWindow {
  const { sentUs } = collector.messages;
  if (fromUs !== undefined || toUs !== undefined) {
    const wanted = { fromUs: fromUs ?? 0, toUs: Math.min(toUs ?? endUs, endUs) };
    const first = firstAtOrAfter(sentUs, wanted.fromUs);
    return { fromUs: wanted.fromUs, toUs: Math.max(wanted.fromUs, Math.min(wanted.toUs, windowOf(sentUs, first, most, endUs).toUs)) };
  }
  if (sentUs.length <= most && collector.messages.forgotten === 0) return { fromUs: 0, toUs: endUs };
  const failure = result.violations.find(({ expected }) => !expected);
  if (failure !== undefined) return windowBefore(sentUs, failure.atMs * 1_000, most, endUs);
  return windowOfInterest(sentUs, thinned(interestsOf(collector, result), collector.messages.density.read()), most, endUs);
}

function interestsOf({ marks }: PictureCollector, { violations }: Result): Interest[] {
  const interests: Interest[] = violations.map(({ atMs }) => ({ atUs: 1_000 * atMs, weight: VIOLATION_WEIGHT }));
  for (const [index, atUs] of marks.atUs.entries()) {
    const kind = MARK_KINDS[marks.kind[index] ?? 0] ?? '';
    const weight = (WEIGHTS[kind] ?? 0) * (kind === 'reorg' ? (marks.value[index] ?? 1) : 1);
    if (weight > 0) interests.push({ atUs, weight });
  }
  return interests;
}

function blockColumns({ collector, limits, blockPlaces, leftOut }: Draft): BlockColumns {
  const made = [...collector.blocks.records.entries()].filter(([, { number }]) => number >= 0);
  made.sort(([, a], [, b]) => a.bornUs - b.bornUs);
  const kept = made.slice(-limits.blocks);
  if (kept.length < made.length) leftOut.push(`The first ${made.length - kept.length} of ${made.length} blocks are not in the page.`);
  for (const [index, [place]] of kept.entries()) blockPlaces.set(place + 1, index + 1);
  const records = kept.map(([, record]) => record);
  return {
    hash: records.map(({ hash }) => hash),
    number: records.map(({ number }) => number),
    parent: records.map(({ parent }) => blockPlaces.get(parent) ?? 0),
    bornUs: differences(records.map(({ bornUs }) => bornUs)),
    producer: records.map(({ producer }) => producer),
    transactions: records.map(({ transactions }) => transactions),
  };
}

function markColumns(draft: Draft): MarkColumns {
  const { collector, limits, texts, blockPlaces, leftOut } = draft;
  const { marks } = collector;
  const chosen = chooseMarks(draft);
  const budget: Budget = { bytes: limits.markTextBytes, refused: 0 };
  const names: Budget = { bytes: Number.POSITIVE_INFINITY, refused: 0 };
  const place = (text: number) => texts.place(collector.texts.text(text), budget);
  const columns = {
    atUs: differences(chosen.map((index) => marks.atUs[index] ?? 0)),
    kind: chosen.map((index) => marks.kind[index] ?? 0),
    node: chosen.map((index) => marks.node[index] ?? 0),
    value: chosen.map((index) => marks.value[index] ?? 0),
    block: chosen.map((index) => blockPlaces.get(marks.block[index] ?? 0) ?? 0),
    name: chosen.map((index) => texts.place(collector.names.text(marks.name[index] ?? 0), names)),
    text: chosen.map((index) => place(marks.text[index] ?? 0)),
  };
  if (budget.refused > 0) leftOut.push(`${budget.refused} marks are without their details.`);
  return columns;
}

/** All of the important kinds; of the first kind that does not fit as a whole, those within the window before others. */
function chooseMarks({ collector, limits, window, leftOut }: Draft): number[] {
  const { marks } = collector;
  const byKind: number[][] = MARK_KINDS.map(() => []);
  for (const [index, kind] of marks.kind.entries()) byKind[kind]?.push(index);
  const isInside = (index: number) => (marks.atUs[index] ?? 0) >= window.fromUs && (marks.atUs[index] ?? 0) <= window.toUs;
  const chosen: number[] = [];
  for (const [kind, indices] of byKind.entries()) {
    const room = limits.marks - chosen.length;
    const kept =
      indices.length <= room ? indices : [...indices.filter(isInside), ...indices.filter((index) => !isInside(index))].slice(0, room);
    for (const index of kept) chosen.push(index);
    if (kept.length < indices.length)
      leftOut.push(`${indices.length - kept.length} of ${indices.length} marks of kind '${MARK_KINDS[kind]}' are not in the page.`);
  }
  return chosen.sort((a, b) => a - b);
}

function messageColumns(draft: Draft, endUs: number): MessageColumns {
  const { collector, limits, window, texts, blockPlaces, leftOut } = draft;
  const { messages } = collector;
  const first = firstAtOrAfter(messages.sentUs, window.fromUs);
  const end = Math.min(firstAtOrAfter(messages.sentUs, window.toUs + 1), first + limits.messages);
  const total = messages.sentUs.length + messages.forgotten;
  if (end - first < total) {
    const [from, to] = [window.fromUs, window.toUs].map((us) => (us / 1e6).toFixed(1));
    leftOut.push(
      `${total - (end - first)} of ${total} messages: arrows are drawn from ${from} s to ${to} s. Choose another part with --html-from and --html-to (virtual seconds).`,
    );
  }
  const budget: Budget = { bytes: limits.messageTextBytes, refused: 0 };
  const slice = (column: readonly number[]) => column.slice(first, end);
  const sentUs = slice(messages.sentUs);
  const columns = {
    tookUs: slice(messages.endUs).map((atUs, index) => (atUs < 0 ? endUs : atUs) - (sentUs[index] ?? 0)),
    sentUs: differences(sentUs),
    link: slice(messages.link),
    kind: slice(messages.kind),
    fate: slice(messages.fate),
    block: slice(messages.block).map((place) => blockPlaces.get(place) ?? 0),
    text: slice(messages.text).map((place) => texts.place(collector.texts.text(place), budget)),
  };
  if (budget.refused > 0) leftOut.push(`${budget.refused} messages are without their contents.`);
  return columns;
}

function roleColumns({ collector, texts, limits }: Draft): RoleColumns[] {
  const budget: Budget = { bytes: limits.roleTextBytes, refused: 0 };
  return collector.roles.changes.map((changes) => ({
    atUs: differences(changes.map(({ atUs }) => atUs)),
    role: changes.map(({ role }) => texts.place(role, budget)),
    label: changes.map(({ label }) => texts.place(label, budget)),
  }));
}

function sayWhatElseIsMissing({ collector, leftOut }: Draft, stretchUs: number): void {
  const { marks, spans, roles } = collector;
  if (marks.forgotten > 0) leftOut.push(`The last ${marks.forgotten} marks: the run has more than a picture can hold.`);
  if (spans.leftOut > 0) leftOut.push(`${spans.leftOut} faults that last.`);
  if (roles.leftOut > 0) leftOut.push(`The last ${roles.leftOut} changes of roles.`);
  if (stretchUs === Number.POSITIVE_INFINITY) leftOut.push('How engines describe themselves.');
  else if (stretchUs > 0) leftOut.push(`Engines' descriptions of themselves are shown once in ${stretchUs / 1_000} ms.`);
}

function runFacts({ plan, ok, violations, traceHash, stats }: Result, command: string, endUs: number, limits: PictureLimits): RunFacts {
  const { subject, seed, options, schedule } = plan;
  const line = (text: string) => (text.length > limits.lineCharacters ? `${text.slice(0, limits.lineCharacters)}...` : text);
  const listed = schedule.slice(0, limits.faultsListed).map((fault) => {
    const { atMs, forMs } = fault;
    const lasts = forMs >= FOR_EVER_MS ? 'to the end' : `for ${forMs / 1_000} s`;
    return line(`${atMs / 1_000} s, ${lasts}: ${faultSentence(fault.fault, { ...fault })}`);
  });
  if (listed.length < schedule.length) listed.push(`and ${schedule.length - listed.length} more`);
  return {
    engine: subject.name,
    seed,
    ok,
    traceHash,
    command,
    endUs,
    events: stats.events,
    messages: stats.messages,
    lost: stats.lost,
    options: Object.entries(options).map(([name, value]) => [
      name,
      typeof value === 'number' ? String(value) : line(JSON.stringify(value)),
    ]),
    schedule: listed,
    violations: violations.slice(0, limits.violations).map(({ atMs, message, ...facts }) => ({
      ...facts,
      message: line(message),
      atUs: Math.round(atMs * 1_000),
    })),
  };
}

function nodeFacts({ collector, result }: PictureInput): PictureModel['nodes'] {
  const roles = byzantineNodes(result.plan.schedule);
  return collector.nodeNames.map((name, place) => ({ name, behaviour: roles.get(place) ?? null }));
}

function differences(ascending: readonly number[]): number[] {
  return ascending.map((value, index) => value - (index === 0 ? 0 : (ascending[index - 1] ?? 0)));
}
