/** Quorum arithmetic against etcd's published tables (raft/quorum/testdata), and what joint configurations make of two of them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { committedIndex, type VoteResult, voteResult } from '../../../src/consensus/raft/quorum.ts';

const TABLES = join(process.env.SYNOD_VECTORS ?? join(import.meta.dirname, '../../../../shared/vectors'), 'raft-quorum');
// Etcd's tables are not part of the repository: without them these tests are skipped, and say so by name.
const withTables = describe.skipIf(!existsSync(TABLES));

interface Case {
  readonly line: string;
  readonly ids: readonly number[];
  /** What each voter has; undefined where the table has '_'. */
  readonly values: readonly (string | undefined)[];
  readonly expected: string;
}

/** A command, a line of dashes, and what comes of it, whose last line is the result. */
function casesOf(file: string): Case[] {
  const blocks = readFileSync(`${TABLES}/${file}`, 'utf8').split(/\n\s*\n/);
  return blocks.flatMap((block) => {
    const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const [command, dashes] = lines;
    if (command === undefined || dashes !== '----') return [];
    const list = (name: string) => new RegExp(`${name}=\\(([^)]*)\\)`).exec(command)?.[1]?.split(',') ?? [];
    const values = [...list('idx'), ...list('votes')].map((value) => (value.trim() === '_' ? undefined : value.trim()));
    return [{ line: command, ids: list('cfg').map(Number), values, expected: lines.at(-1) ?? '' }];
  });
}

const known = ({ ids, values }: Case) => new Map(ids.map((id, i) => [id, values[i]]));
const RESULTS: { readonly [name: string]: VoteResult } = { VoteWon: 'won', VoteLost: 'lost', VotePending: 'pending' };

withTables('what a majority has committed, by the table', () => {
  const cases = casesOf('majority_commit.txt');

  it('has the cases that the table had', () => expect(cases.length).toBeGreaterThan(15));

  it.each(cases.map((each) => [each.line, each] as const))('%s', (_line, each) => {
    const values = known(each);
    const index = committedIndex({ incoming: each.ids, outgoing: [] }, (id) => Number(values.get(id) ?? 0));
    expect(index).toBe(each.expected.endsWith('∞') ? Number.POSITIVE_INFINITY : Number(each.expected));
  });
});

withTables('how a majority has voted, by the table', () => {
  const cases = casesOf('majority_vote.txt');

  it('has the cases that the table had', () => expect(cases.length).toBeGreaterThan(15));

  it.each(cases.map((each) => [each.line, each] as const))('%s', (_line, each) => {
    const values = known(each);
    const voteOf = (id: number) => (values.get(id) === undefined ? undefined : values.get(id) === 'y');
    expect(voteResult({ incoming: each.ids, outgoing: [] }, voteOf)).toBe(RESULTS[each.expected]);
  });
});

describe('a joint configuration', () => {
  const has = new Map([
    [1, 100],
    [2, 101],
    [3, 103],
    [4, 5],
    [5, 6],
  ]);
  const index = (incoming: number[], outgoing: number[]) => committedIndex({ incoming, outgoing }, (id) => has.get(id) ?? 0);

  it.each([
    [[1, 2, 3], [], 101],
    [[], [1, 2, 3], 101],
    [[1, 2, 3], [3, 4, 5], 6],
    [[3, 4, 5], [1, 2, 3], 6],
    [[1, 2, 3], [1, 2, 3], 101],
    [[1, 2, 3], [4], 5],
    [[], [], Number.POSITIVE_INFINITY],
  ])('of %j and %j has committed what both have: %d', (incoming, outgoing, expected) => {
    expect(index(incoming, outgoing)).toBe(expected);
  });

  it.each([
    ['yyy', 'yyy', 'won'],
    ['yyn', 'nyy', 'won'],
    ['yyy', 'nn_', 'lost'],
    ['nn_', '___', 'lost'],
    ['yyy', 'y__', 'pending'],
    ['y__', 'y__', 'pending'],
    ['', 'yy_', 'won'],
    ['', '', 'won'],
  ])('whose sets voted %s and %s has the result of both: %s', (first, second, expected) => {
    const voters = { incoming: [...first].map((vote, i) => `a${i}${vote}`), outgoing: [...second].map((vote, i) => `b${i}${vote}`) };
    expect(voteResult(voters, (id) => (id.endsWith('_') ? undefined : id.endsWith('y')))).toBe(expected);
  });

  it('never has committed more than either of its sets, and wins no vote that one of them does not win', () => {
    const ids = [1, 2, 3, 4, 5];
    const subsets = Array.from({ length: 32 }, (_, mask) => ids.filter((_id, i) => mask & (1 << i)));
    for (const incoming of subsets) {
      for (const outgoing of subsets) {
        expect(index(incoming, outgoing)).toBe(Math.min(index(incoming, []), index(outgoing, [])));
        const voteOf = (id: number) => (id % 2 === 0 ? undefined : id < 4);
        const both = [voteResult({ incoming, outgoing: [] }, voteOf), voteResult({ incoming: outgoing, outgoing: [] }, voteOf)];
        expect(voteResult({ incoming, outgoing }, voteOf) === 'won').toBe(both.every((result) => result === 'won'));
      }
    }
  });
});
