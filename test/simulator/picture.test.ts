/** The picture of a run: what is collected from a trace, what of it fits into a page, and that no text becomes markup. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { buildPicture } from '../../src/simulator/picture/build.ts';
import { PictureCollector } from '../../src/simulator/picture/collector.ts';
import { DensityCounter } from '../../src/simulator/picture/density.ts';
import { embedJson } from '../../src/simulator/picture/embed.ts';
import { PICTURE_LIMITS, type PictureLimits, type PictureModel } from '../../src/simulator/picture/model.ts';
import { CLIENT_BODY, CLIENT_MODULES, CLIENT_STYLE, joinModules, picturePage } from '../../src/simulator/picture/page.ts';
import { windowBefore, windowOfInterest } from '../../src/simulator/picture/window.ts';
import { carryOut, planRun, type Result } from '../../src/simulator/run.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';

const NODES = 3;
const HASH_A = `0x${'aa'.repeat(32)}`;
const HASH_B = `0x${'bb'.repeat(32)}`;
const GENESIS = `0x${'00'.repeat(31)}01`;
const SECOND = 1_000_000;
const HOSTILE = '</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> \u2028';
const COMMAND = 'synod simulate --seed 7 --html run.html';

/** A result as a run gives it, without the run. */
const RESULT: Result = {
  plan: planRun({ subject: powSubject, seed: '7', options: { nodes: NODES }, schedule: [] }),
  ok: true,
  violations: [],
  traceHash: '0123456789abcdef',
  marks: [],
  stats: { events: 10, virtualMs: 60_000, messages: 0, lost: 0 },
  figures: {},
};

function entry(seconds: number, kind: TraceEntry['kind'], node: number, fields: Partial<TraceEntry> = {}): TraceEntry {
  return { atUs: seconds * SECOND, kind, node, peer: -1, id: 0, what: '', data: null, ...fields };
}

const sent = (seconds: number, id: number, from: number, to: number, what: string, data: TraceEntry['data'] = null) =>
  entry(seconds, 'send', from, { peer: to, id, what, data });
const inserted = (seconds: number, node: number, number: number, hash: string, parent: string) =>
  entry(seconds, 'insert', node, { id: number, what: hash, data: { parent, transactions: 2 } });

interface Given {
  readonly result?: Partial<Result>;
  readonly limits?: Partial<PictureLimits>;
  readonly fromUs?: number;
  readonly toUs?: number;
}

function pictureOf(entries: readonly TraceEntry[], { result = {}, limits = {}, ...window }: Given = {}): PictureModel {
  const collector = new PictureCollector(NODES);
  for (const one of entries) collector.sink(one);
  return buildPicture({
    collector,
    result: { ...RESULT, ...result },
    command: COMMAND,
    limits: { ...PICTURE_LIMITS, ...limits },
    ...window,
  });
}

function sums(differences: readonly number[]): number[] {
  let sum = 0;
  return differences.map((difference) => {
    sum += difference;
    return sum;
  });
}

/** Marks as people would name them: kind, node, value, name. */
function marksOf({ marks, markKinds, texts }: PictureModel): (readonly [string, number, number, string])[] {
  return marks.kind.map((kind, index) => [
    markKinds[kind] ?? '',
    marks.node[index] ?? -2,
    marks.value[index] ?? -2,
    texts[(marks.name[index] ?? 0) - 1] ?? '',
  ]);
}

const countMarks = ({ marks, markKinds }: PictureModel, kind: string) => marks.kind.filter((code) => markKinds[code] === kind).length;

describe('what is collected of messages', () => {
  it('pairs what was sent with what became of it', () => {
    const { messages, messageKinds, fates } = pictureOf([
      sent(1, 1, 0, 1, 'status'),
      sent(2, 2, 0, 2, 'transaction'),
      sent(3, 3, 2, 1, 'status'),
      entry(4, 'receive', 1, { peer: 0, id: 1, what: 'status' }),
      entry(5, 'lost', 2, { peer: 0, id: 2, what: 'transaction', data: { why: 'noise' } }),
    ]);
    expect(sums(messages.sentUs)).toEqual([SECOND, 2 * SECOND, 3 * SECOND]);
    expect(messages.tookUs).toEqual([3 * SECOND, 3 * SECOND, 57 * SECOND]);
    expect(messages.link).toEqual([0 * NODES + 1, 0 * NODES + 2, 2 * NODES + 1]);
    expect(messages.kind.map((kind) => messageKinds[kind]?.name)).toEqual(['status', 'transaction', 'status']);
    expect(messages.fate.map((fate) => fates[fate])).toEqual(['received', 'noise', 'under way']);
  });

  it('makes a second arrival a message of its own, in the order of sending', () => {
    const { messages } = pictureOf([
      sent(1, 1, 0, 1, 'status'),
      sent(2, 2, 0, 1, 'status'),
      entry(3, 'receive', 1, { peer: 0, id: 1 }),
      entry(4, 'receive', 1, { peer: 0, id: 1 }),
    ]);
    expect(sums(messages.sentUs)).toEqual([SECOND, SECOND, 2 * SECOND]);
    expect(messages.tookUs.slice(0, 2).sort()).toEqual([2 * SECOND, 3 * SECOND]);
  });

  it("names an engine's messages by their type and ties them to a block that they mention, however deep", () => {
    const { messages, messageKinds, blocks, texts } = pictureOf([
      inserted(1, 0, 1, HASH_A, GENESIS),
      sent(2, 1, 0, 1, 'message', { type: 'vote', vote: { data: { target: HASH_A } } }),
      sent(3, 2, 0, 1, 'message', { noType: true }),
    ]);
    expect(messages.kind.map((kind) => messageKinds[kind])).toEqual([
      { name: 'vote', group: 'engine' },
      { name: 'message', group: 'engine' },
    ]);
    expect(blocks.hash[(messages.block[0] ?? 0) - 1]).toBe(HASH_A);
    expect(messages.block[1]).toBe(0);
    expect(texts[(messages.text[1] ?? 0) - 1]).toBe('{"noType":true}');
  });

  it('gives names that an adversary makes up no more than a few kinds', () => {
    const { messageKinds } = pictureOf(
      Array.from({ length: 200 }, (_, index) => sent(1, index + 1, 0, 1, 'message', { type: `kind${index}` })),
    );
    expect(messageKinds.length).toBeLessThan(40);
    expect(messageKinds.at(-1)).toEqual({ name: 'other', group: 'engine' });
  });
});

describe('what is collected of blocks and heads', () => {
  const CHAIN = [
    inserted(1, 0, 1, HASH_A, GENESIS),
    inserted(2, 1, 1, HASH_A, GENESIS),
    inserted(3, 1, 2, HASH_B, HASH_A),
    entry(4, 'head', 1, { id: 2, what: HASH_B, data: { old: HASH_A, removed: 0 } }),
    entry(5, 'head', 1, { id: 1, what: HASH_A, data: { old: HASH_B, removed: 3 } }),
    entry(6, 'finalize', 1, { id: 1, what: HASH_A }),
  ];

  it('finds who produced a block, when, and its parent, genesis included', () => {
    const { blocks } = pictureOf(CHAIN);
    expect(blocks.hash).toEqual([GENESIS, HASH_A, HASH_B]);
    expect(blocks.number).toEqual([0, 1, 2]);
    expect(blocks.parent).toEqual([0, 1, 2]);
    expect(blocks.producer).toEqual([-1, 0, 1]);
    expect(sums(blocks.bornUs)).toEqual([0, SECOND, 3 * SECOND]);
  });

  it('tells production, heads, reorganisations with their depth, and decisions apart', () => {
    expect(marksOf(pictureOf(CHAIN)).map(([kind, node, value]) => [kind, node, value])).toEqual([
      ['produce', 0, 1],
      ['keep', 1, 1],
      ['produce', 1, 2],
      ['head', 1, 2],
      ['reorg', 1, 3],
      ['finalize', 1, 1],
    ]);
  });

  it('takes who first sends a block that nobody keeps for its producer', () => {
    const { blocks, marks } = pictureOf([sent(1, 1, 2, 0, 'block', { block: HASH_A, height: 9 })]);
    expect([blocks.producer, blocks.number, marks.kind.length]).toEqual([[2], [9], 1]);
  });
});

describe('what lasts', () => {
  it('is down from a stop to the next start, says why, and lasts to the end if it does not end', () => {
    const crash = { fault: 'crash', node: 1, atMs: 2_000, forMs: 1_000 };
    const { spans } = pictureOf([
      ...[0, 1, 2].map((node) => entry(1, 'start', node, { id: 1 })),
      entry(2, 'fault', 1, { what: 'crash', data: crash }),
      entry(2, 'stop', 1),
      entry(3, 'heal', 1, { what: 'crash', data: crash }),
      entry(3, 'start', 1, { id: 2 }),
      entry(4, 'fault', -1, { what: 'partition', data: { fault: 'partition', side: [0, 2], direction: 'in' } }),
      entry(5, 'stop', 0, { data: { error: 'out of luck' } }),
    ]);
    expect(spans.map(({ kind, nodes, fromUs, toUs, label }) => [kind, nodes, fromUs / SECOND, toUs / SECOND, label])).toEqual([
      ['down', [0], 0, 1, 'not started'],
      ['down', [1], 0, 1, 'not started'],
      ['down', [2], 0, 1, 'not started'],
      ['down', [1], 2, 3, 'crashed'],
      ['partition', [0, 2], 4, 60, 'cut off: 0, 2, inbound'],
      ['down', [0], 5, 60, 'failed'],
    ]);
    expect(spans.at(-1)?.detail).toContain('out of luck');
  });

  it('follows roles and terms, and forgets them when a node stops', () => {
    const { roles, texts } = pictureOf([
      entry(1, 'state', 0, { data: { state: { role: 'follower', term: 1 } } }),
      entry(2, 'state', 0, { data: { state: { role: 'follower', term: 1, more: true } } }),
      entry(3, 'engine', 0, { what: 'elected', data: { role: 'leader', term: 2 } }),
      entry(4, 'engine', 0, { what: 'voted', data: { term: 99 } }),
      entry(5, 'stop', 0),
    ]);
    const named = (column: readonly number[] | undefined) => column?.map((place) => texts[place - 1] ?? '');
    expect([sums(roles[0]?.atUs ?? []), named(roles[0]?.role), named(roles[0]?.label)]).toEqual([
      [SECOND, 3 * SECOND, 5 * SECOND],
      ['follower', 'leader', ''],
      ['term 1', 'term 2', ''],
    ]);
  });

  it('keeps of what an engine says of itself what changed, and before the window what it had become', () => {
    const states = [
      entry(1, 'state', 0, { data: { state: { a: 1, b: 1 } } }),
      entry(2, 'state', 0, { data: { state: { a: 2, b: 1 } } }),
      entry(11, 'state', 0, { data: { state: { a: 2, b: 5 } } }),
    ];
    const changesOf = ({ states: columns, texts }: PictureModel) => columns[0]?.text.map((place) => JSON.parse(texts[place - 1] ?? 'null'));
    expect(changesOf(pictureOf(states))).toEqual([{ a: 1, b: 1 }, { a: 2 }, { b: 5 }]);
    expect(changesOf(pictureOf(states, { fromUs: 10 * SECOND }))).toEqual([{ a: 2, b: 1 }, { b: 5 }]);
  });
});

describe('what fits into a page', () => {
  const MANY = Array.from({ length: 1_000 }, (_, index) => sent(index / 20, index + 1, 0, 1, 'status'));
  const failure = { checker: 'Agreement', atMs: 40_000, node: 1, message: 'no', expected: false };

  it('is everything while it is little', () => {
    const { messages, leftOut, window } = pictureOf(MANY);
    expect([messages.link.length, leftOut, window]).toEqual([1_000, [], { fromUs: 0, toUs: 60 * SECOND }]);
  });

  it('is, of too many messages, what led to the failure, and says so', () => {
    const { messages, window, leftOut } = pictureOf(MANY, { result: { ok: false, violations: [failure] }, limits: { messages: 100 } });
    expect(messages.link.length).toBe(100);
    expect(window.fromUs).toBeLessThan(36 * SECOND);
    expect(window.toUs).toBeGreaterThan(40 * SECOND);
    expect(leftOut[0]).toMatch(/^900 of 1000 messages: arrows are drawn from 35\.5 s to 40\.\d s\. Choose another part with --html-from/);
  });

  it('is, without a failure, where most happened', () => {
    const reorg = entry(25, 'head', 1, { id: 9, what: HASH_A, data: { removed: 7 } });
    const { window } = pictureOf([...MANY, reorg], { limits: { messages: 100 } });
    expect(window.fromUs).toBeLessThanOrEqual(25 * SECOND);
    expect(window.toUs).toBeGreaterThanOrEqual(25 * SECOND);
  });

  it('is what the person asked for, as far as it fits', () => {
    const asked = pictureOf(MANY, { fromUs: 10 * SECOND, toUs: 12 * SECOND });
    expect([asked.messages.link.length, asked.window]).toEqual([41, { fromUs: 10 * SECOND, toUs: 12 * SECOND }]);
    const tooMuch = pictureOf(MANY, { fromUs: 10 * SECOND, limits: { messages: 10 } });
    expect([tooMuch.messages.link.length, tooMuch.window.toUs]).toEqual([10, 10.5 * SECOND - 1]);
  });

  it('keeps important marks before others', () => {
    const marks = Array.from({ length: 50 }, (_, index) => [
      entry(index, 'durable', 0, { id: index, what: HASH_A }),
      entry(index, 'head', 0, { id: index, what: HASH_A, data: { removed: index % 10 === 0 ? 1 : 0 } }),
    ]).flat();
    const model = pictureOf(marks, { limits: { marks: 60 } });
    expect([countMarks(model, 'reorg'), countMarks(model, 'head'), countMarks(model, 'durable')]).toEqual([5, 45, 10]);
    expect(model.leftOut).toEqual(["40 of 50 marks of kind 'durable' are not in the page."]);
    expect(sums(model.marks.atUs)).toEqual(sums(model.marks.atUs).sort((a, b) => a - b));
  });

  it('keeps the newest blocks and no reference to those it left out', () => {
    const { blocks, marks, leftOut } = pictureOf([inserted(1, 0, 1, HASH_A, GENESIS), inserted(2, 0, 2, HASH_B, HASH_A)], {
      limits: { blocks: 1 },
    });
    expect([blocks.hash, blocks.parent, marks.block]).toEqual([[HASH_B], [0], [0, 1]]);
    expect(leftOut).toEqual(['The first 2 of 3 blocks are not in the page.']);
  });

  it('stays below its bound however much was said, and in whatever characters', () => {
    const collector = new PictureCollector(NODES);
    const long = HOSTILE.repeat(5);
    for (let index = 0; index < 90_000; index++) {
      const atUs = index * 600;
      collector.sink({ ...sent(0, index + 1, index % 3, (index + 1) % 3, 'message', { type: 'vote', text: `${index}${long}` }), atUs });
      if (index % 2 === 0)
        collector.sink({ ...entry(0, 'engine', index % 3, { what: `said ${index % 50}`, data: { text: `${long}${index}` } }), atUs });
      if (index % 10 === 0)
        collector.sink({ ...entry(0, 'state', index % 3, { data: { state: { role: `${index}${long}`, text: long + index } } }), atUs });
      if (index % 5 === 0) collector.sink({ ...inserted(0, 0, index, `0x${index.toString(16).padStart(64, '0')}`, HASH_A), atUs });
    }
    const page = picturePage(buildPicture({ collector, result: RESULT, command: long }), SOURCES);
    expect(page.length).toBeGreaterThan(2_000_000);
    expect(Buffer.byteLength(page)).toBeLessThan(15_000_000);
  });
});

describe('windows', () => {
  const SENT = Array.from({ length: 100 }, (_, index) => index * 10);

  it('ends a little after a failure and begins well before it', () => {
    expect(windowBefore(SENT, 500, 20, 1_000)).toEqual({ fromUs: 320, toUs: 519 });
    expect(windowBefore(SENT, 0, 20, 1_000)).toEqual({ fromUs: 0, toUs: 199 });
    expect(windowBefore(SENT, 5_000, 20, 6_000)).toEqual({ fromUs: 800, toUs: 6_000 });
  });

  it('holds the greatest weight, and is the first where there is none', () => {
    const interests = [
      { atUs: 100, weight: 1 },
      { atUs: 600, weight: 2 },
      { atUs: 620, weight: 2 },
    ];
    expect(windowOfInterest(SENT, interests, 20, 1_000)).toEqual({ fromUs: 550, toUs: 749 });
    expect(windowOfInterest(SENT, [], 20, 1_000)).toEqual({ fromUs: 0, toUs: 199 });
  });
});

it('counts of messages survive the widening of bins', () => {
  const counter = new DensityCounter(2);
  for (let second = 0; second < 10_000; second++) counter.sent(second % 2, second * SECOND);
  counter.lost(1, 9_999 * SECOND);
  const { binUs, sent: counts, lost } = counter.read();
  expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(10_000);
  expect(lost[1]?.[Math.floor((9_999 * SECOND) / binUs)]).toBe(1);
  expect(Math.max(...counts.map((row) => row.length))).toBeLessThanOrEqual(2_048);
});

const CLIENT = new URL('../../src/simulator/picture/client/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, CLIENT), 'utf8');
const SOURCES = { modules: CLIENT_MODULES.map(read), style: read(CLIENT_STYLE), body: read(CLIENT_BODY) };

describe('the page', () => {
  const model = pictureOf(
    [sent(1, 1, 0, 1, 'message', { type: HOSTILE }), entry(2, 'engine', 0, { what: HOSTILE, data: { [HOSTILE]: HOSTILE } })],
    {
      result: { violations: [{ checker: HOSTILE, atMs: 1, node: 0, message: HOSTILE, expected: false }], ok: false },
    },
  );
  const page = picturePage(model, SOURCES);

  it('holds what a run said as data that no text can leave', () => {
    expect(page.match(/<\/?script\b/g)).toHaveLength(4);
    expect(page).not.toContain('<!--');
    expect(page).not.toContain('<img');
    const embedded = /<script type="application\/json" id="picture">(.*?)<\/script>/s.exec(page)?.[1];
    expect(JSON.parse(embedded ?? '')).toEqual(model);
  });

  it('escapes what ends or changes the reading of a script', () => {
    expect(embedJson({ text: '<>&\u2028\u2029' })).toBe('{"text":"\\u003c\\u003e\\u0026\\u2028\\u2029"}');
  });

  it('allows its own script and style and no connection', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', "'");
    const hashOf = (element: string) =>
      createHash('sha256')
        .update(new RegExp(`<${element}>(.*?)</`, 's').exec(page)?.[1] ?? '')
        .digest('base64');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src 'sha256-${hashOf('script type="module"')}'`);
    expect(policy).toContain(`style-src 'sha256-${hashOf('style')}'`);
    expect(policy).not.toMatch(/unsafe|https?:|connect-src/);
  });

  it('is joined of modules whose names do not collide, in an order in which they load', () => {
    const names = SOURCES.modules.flatMap((source) =>
      [...source.matchAll(/^(?:export )?(?:const|let|function|class) (\w+)/gm)].map(([, name]) => name),
    );
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    const joined = joinModules(SOURCES.modules);
    expect(joined).not.toMatch(/^(import|export)\b/m);
    expect(() => new Script(`(() => {${joined}})`)).not.toThrow();
    const imports = SOURCES.modules.map((source) =>
      [...source.matchAll(/^import [\s\S]*?from '\.\/([\w-]+\.js)';/gm)].map(([, name]) => name ?? ''),
    );
    const unknown = imports.flat().filter((name) => !CLIENT_MODULES.some((known) => known === name));
    expect(unknown).toEqual([]);
  });
});

it('looking at a run does not change it', () => {
  const plan = planRun({ subject: powSubject, seed: '11', options: { nodes: 4, faultsMs: 120_000 } });
  const collector = new PictureCollector(4);
  const seen = carryOut(plan, collector.sink);
  expect(seen.traceHash).toBe(carryOut(plan).traceHash);
  const model = buildPicture({ collector, result: seen, command: COMMAND });
  expect(model.messages.link.length).toBeGreaterThanOrEqual(seen.stats.messages);
  expect(model.density.sent.flat().reduce((sum, count) => sum + count, 0)).toBe(seen.stats.messages);
  expect(countMarks(model, 'produce')).toBe(model.blocks.hash.length - 1);
});
