/** What becomes of a gossiped block before the engine sees it: the order of the checks, and what is passed on. */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import { type Hash, NodeId } from '../../src/base/types.ts';
import type { BlockStatus } from '../../src/chain/tree.ts';
import { type BlockIntake, takeBlock } from '../../src/node/block-intake.ts';
import { buildChild, buildGenesis } from '../support/chain.ts';

const peer = NodeId('peer');
const genesis = buildGenesis();
const child = buildChild(genesis);

interface Case {
  readonly parentKnown?: boolean;
  readonly header?: RuleError;
  readonly seal?: RuleError;
  readonly body?: RuleError;
  /** What the engine makes of it; undefined when it drops the block. */
  readonly becomes?: BlockStatus;
  readonly queueFull?: boolean;
}

function run(given: Case): { readonly outcome: string; readonly calls: string[] } {
  const calls: string[] = [];
  let status: BlockStatus | undefined;
  const fail = (name: string, error: RuleError | undefined) => {
    calls.push(name);
    if (error !== undefined) throw error;
  };
  const intake = {
    engine: { verifySeal: () => fail('seal', given.seal), verifyHeader: () => fail('header', given.header) },
    view: { status: () => status, get: (hash: Hash) => (given.parentKnown === false ? undefined : { hash }) },
    clock: { wallMs: () => 0 },
    checkBody: () => fail('body', given.body),
    deliver: () => {
      calls.push('deliver');
      status = given.becomes;
      return given.queueFull !== true;
    },
  } as unknown as BlockIntake;
  try {
    return { outcome: takeBlock(intake, child.block, peer), calls };
  } catch (error) {
    if (error instanceof RuleError) return { outcome: error.code, calls };
    throw error;
  }
}

const bad = new RuleError('header/bad', 'bad');
const early = new RuleError('header/future', 'early', {}, { blame: false });

describe('a gossiped block', () => {
  it.each<[string, Case, string, string[]]>([
    ['is passed on once the engine keeps it', { becomes: 'stored' }, 'accept', ['header', 'body', 'deliver']],
    ['is not passed on when the engine drops it', {}, 'ignore', ['header', 'body', 'deliver']],
    ['is not passed on when it stands on an invalid block', { becomes: 'invalid' }, 'ignore', ['header', 'body', 'deliver']],
    ['is refused for its header before its body is looked at', { header: bad, body: bad }, 'header/bad', ['header']],
    ['is refused for its body', { body: bad }, 'header/bad', ['header', 'body']],
    ['waits with the engine when it is early', { header: early }, 'ignore', ['header', 'body', 'deliver']],
    ['without parent shows its work first', { parentKnown: false, seal: bad, body: bad }, 'header/bad', ['seal']],
    ['without parent goes to the engine and no further', { parentKnown: false }, 'ignore', ['seal', 'body', 'deliver']],
    ['is dropped when the driver is busy', { queueFull: true, becomes: 'stored' }, 'ignore', ['header', 'body', 'deliver']],
  ])('%s', (_name, given, outcome, calls) => {
    expect(run(given)).toEqual({ outcome, calls });
  });
});
