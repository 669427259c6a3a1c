/** Scenarios: how they are read, line by line, and how they are played, in a world and a time of our own. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/types.ts';
import { play, playedText, type Stage, verdictText } from '../../src/testnet/scenario/play.ts';
import { parseScenario } from '../../src/testnet/scenario/script.ts';

const parse = (text: string) => parseScenario('s.txt', text);

function refusal(text: string): { readonly code: string; readonly message: string } {
  try {
    parse(text);
  } catch (error) {
    return error as UsageError;
  }
  return expect.unreachable();
}

describe('reading', () => {
  it('finds steps, their lines and times, and what they call', () => {
    const steps = parse(`
# halves
at 10s partition 0,1 2,3   # cut
delay 0,1 200ms --jitter 50ms --for 10s
at 40s heal
wait 1.5s
`);
    expect(steps.map(({ line, atMs }) => [line, atMs])).toEqual([
      [3, 10_000],
      [4, null],
      [5, 40_000],
      [6, null],
    ]);
    const calls = steps.flatMap(({ deed }) => (deed.type === 'call' ? [[deed.call.method, deed.call.params]] : []));
    expect(calls).toEqual([
      [
        'testnet_partition',
        {
          sides: [
            [0, 1],
            [2, 3],
          ],
        },
      ],
      ['testnet_delay', { nodes: [0, 1], delayMs: 200, jitterMs: 50, forMs: 10_000 }],
      ['testnet_heal', {}],
    ]);
    expect(steps[3]?.deed).toEqual({ type: 'wait', ms: 1_500 });
  });

  it.each(['src/testnet/README.md', 'src/cli/testnet-play.ts'])('takes the example of %s', (file) => {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const [example = ''] = /(?:^ *#.*\n)?^ *at 10s partition[^`]*?2 epochs$/m.exec(text) ?? [];
    expect(parse(example)).toHaveLength(5);
  });

  it.each([
    ['cut 0 1,2', 'testnet_cut', { from: [0], to: [1, 2] }],
    ['loss 2 12.5%', 'testnet_loss', { nodes: [2], loss: 0.125 }],
    ['clock 2 -250ms', 'testnet_clock', { node: 2, offsetMs: -250 }],
    ['mining 1 off', 'testnet_mining', { node: 1, on: false }],
    ['equivocate 3 vote', 'testnet_equivocate', { node: 3, what: 'vote' }],
    ['pause 2 --for 1m', 'testnet_pause', { node: 2, forMs: 60_000 }],
    ['reorg --depth 6 --node 2', 'testnet_reorg', { depth: 6, node: 2 }],
    ['stall-finality', 'testnet_stallFinality', { forMs: 60_000 }],
  ])('%s', (line, method, params) => {
    expect(parse(line)[0]?.deed).toMatchObject({ type: 'call', call: { method, params } });
  });

  it.each([
    ['expect one head', 'one head', { unit: 'ms', ms: 60_000 }],
    ['within 5s expect 2 heads', '2 heads', { unit: 'ms', ms: 5_000 }],
    ['expect finality within 2 epochs', 'finality', { unit: 'epochs', epochs: 2 }],
    ['expect height >= 20 within 1m', 'height >= 20', { unit: 'ms', ms: 60_000 }],
    ['expect slashed >= 1 within 1 epoch', 'slashed >= 1', { unit: 'epochs', epochs: 1 }],
    ['expect node 2 down', 'node 2 down', { unit: 'ms', ms: 60_000 }],
  ])('%s', (line, about, within) => {
    expect(parse(line)[0]?.deed).toMatchObject({ type: 'soon', expectation: { about }, within });
  });

  it.each([
    ['\n\nat 5s partion 0', 'scenario/verb', 's.txt:3: "at 5s partion 0": There is no verb "partion". Did you mean partition?'],
    ['heel', 'scenario/verb', 'Did you mean heal?'],
    ['frobnicate', 'scenario/verb', 'There are partition, cut,'],
    ['at soon heal', 'scenario/step', 'expected a time such as'],
    ['at 5s', 'scenario/step', 'Nothing is said'],
    ['at 9s heal\nat 5s heal', 'scenario/order', 's.txt:2: "at 5s heal": It is for an earlier time than line 1'],
    ['delay 0', 'scenario/step', 'The delay is missing. Usage: delay <nodes> <time>'],
    ['delay 0 5ms --jiter 1ms', 'scenario/step', 'did you mean --jitter?'],
    ['delay 0 5ms --jitter', 'scenario/step', 'has no value'],
    ['delay 0 -5ms', 'scenario/step', 'The delay is "-5ms"'],
    ['loss 0 101%', 'scenario/step', 'a share from 0% to 100%'],
    ['kill two', 'scenario/step', 'a node number such as 0'],
    ['kill 2 3', 'scenario/step', '"3" is one word too many'],
    ['expect peace', 'scenario/step', '"peace" is not an expectation; there are: one head'],
    ['expect height > 20', 'scenario/step', 'expected >='],
    ['expect one head within 2 weeks', 'scenario/step', 'expected epochs'],
    ['expect no finality', 'scenario/step', 'is missing'],
    ['within 5s expect no finality for 3s', 'scenario/step', 'has no `within`'],
    ['within 5s heal', 'scenario/step', 'expected expect'],
    ['# nothing\n', 'scenario/empty', 'no step'],
    ['wait 1s\n'.repeat(1_001), 'scenario/size', '1000 steps'],
    ['#'.repeat(300_000), 'scenario/size', 'characters'],
  ])('refuses %j', (text, code, words) => {
    const { code: found, message } = refusal(text);
    expect([found, message]).toEqual([code, expect.stringContaining(words)]);
  });
});

interface FakeNode {
  height?: number;
  hash?: string;
  final?: number;
  epoch?: number;
  state?: string;
}

/** A network that is what `at` says at each moment, and a clock that only sleep moves. */
function world(at: (ms: number) => readonly FakeNode[], refuse: Readonly<Record<string, string>> = {}) {
  let nowMs = 0;
  const calls: [ms: number, method: string, params: Json][] = [];
  const lines: string[] = [];
  const report = () =>
    at(nowMs).map(({ height = 5, hash = '0xaa', final = 0, epoch, state = 'up' }, index) => {
      const status = {
        head: { number: height, hash },
        finalized: { number: final, hash: '0x' },
        reorgs: { deepest: height - 5 },
        consensus: { epoch },
      };
      return { index, state, rpcUrl: state === 'up' ? `http://${index}` : null, status: state === 'up' ? status : null };
    });
  const stage: Stage = {
    async call(method, params) {
      if (method === 'testnet_status') return report() as unknown as Json;
      calls.push([nowMs, method, params]);
      const code = refuse[method];
      if (code !== undefined) throw new UsageError(code, 'No.');
      return { fault: 'something', active: true };
    },
    ask: async (_rpcUrl, method) => (method === 'synod_getSlashings' ? { slashed: nowMs > 2_000 ? [7] : [] } : null),
    nowMs: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
    },
    onStep: (played) => void lines.push(playedText(played)),
  };
  return { stage, calls, lines };
}

describe('playing', () => {
  it('does things at their time, or when what came before is over', async () => {
    const { stage, calls, lines } = world((ms) => [{ hash: ms < 30_000 ? '0xbb' : '0xaa' }, {}]);
    const verdict = await play(parse('at 10s cut 0 1\nexpect 2 heads\nat 12s heal\nexpect one head\nat 15s kill 0'), stage);
    expect(verdict.holds).toBe(true);
    expect(calls).toEqual([
      [10_000, 'testnet_cut', { from: [0], to: [1] }],
      [12_000, 'testnet_heal', {}],
      [30_000, 'testnet_kill', { node: 0 }],
    ]);
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/10\.0 s {2}line 1 .*Begun: something\./);
    expect(verdictText(verdict)).toBe('The scenario holds: 5 steps in 30.0 s.');
  });

  it('ends with what does not come true, and says what was seen', async () => {
    const { stage, calls } = world(() => [{ hash: '0xbb' }, {}]);
    const verdict = await play(parse('expect one head within 5s\nheal'), stage);
    expect(verdict.holds).toBe(false);
    expect(calls).toEqual([]);
    expect(verdictText(verdict)).toBe(
      'The scenario fails in line 1: expected one head within 5 s, seen block 5 0xbb on 0; block 5 0xaa on 1',
    );
  });

  it.each([
    ['expect finality within 2 epochs', 2_900, true],
    ['expect finality within 2 epochs', 3_100, false],
    ['expect finality within 1 epoch', 2_900, false],
  ])('%s, which comes at %i ms, where an epoch has a second: %s', async (text, finalMs, holds) => {
    const { stage } = world((ms) => [
      { epoch: Math.floor(ms / 1_000), final: ms >= finalMs ? 9 : 3 },
      { final: ms >= finalMs ? 9 : 3, epoch: 0 },
    ]);
    expect((await play(parse(text), stage)).holds).toBe(holds);
  });

  it('has no epochs where there are none', async () => {
    const { stage } = world(() => [{}]);
    const { steps } = await play(parse('expect finality within 2 epochs'), stage);
    expect(steps[0]?.outcome).toContain('no node counts epochs');
  });

  it.each([
    [4_000, false],
    [6_000, true],
  ])('watches for what must not happen: final at %i ms', async (finalMs, holds) => {
    const { stage } = world((ms) => [{ final: ms >= finalMs ? 8 : 7 }]);
    const verdict = await play(parse('expect no finality for 5s'), stage);
    expect(verdict.holds).toBe(holds);
    expect(verdict.steps[0]?.endedMs).toBe(holds ? 5_000 : 4_000);
  });

  it('sees heights, reorganisations, slashings and states', async () => {
    const { stage } = world((ms) => [{ height: 5 + Math.floor(ms / 1_000) }, { height: 30 }, { state: 'down' }]);
    const text = 'expect height >= 8\nexpect reorg >= 20\nexpect slashed >= 1\nexpect node 2 down\nexpect node 0 up';
    const verdict = await play(parse(text), stage);
    expect(verdictText(verdict)).toBe('The scenario holds: 5 steps in 3.0 s.');
    const lost = await play(parse('expect node 9 up within 1s'), stage);
    expect(lost.steps[0]).toMatchObject({ expected: 'node 9 up within 1 s', outcome: 'there is no node 9' });
  });

  it('fails where nobody answers, and where a command is refused', async () => {
    const { stage } = world(() => [{ state: 'down' }], { testnet_kill: 'testnet/no-such-node' });
    for (const text of ['expect one head', 'expect finality', 'expect height >= 0', 'expect slashed >= 0'])
      expect((await play(parse(`${text} within 1s`), stage)).holds).toBe(false);
    const verdict = await play(parse('kill 9'), stage);
    expect(verdict.steps[0]).toMatchObject({ outcome: 'No. [testnet/no-such-node]', expected: 'that it can be done' });
  });
});
