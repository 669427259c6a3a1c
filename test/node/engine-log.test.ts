/** What an operator reads of the engine's traces, and how often. */
import { describe, expect, it } from 'vitest';
import { EngineLog } from '../../src/node/engine-log.ts';
import type { Logger } from '../../src/node/logger.ts';
import type { ClockPort } from '../../src/node/ports.ts';

function setUp() {
  const lines: [level: string, message: string][] = [];
  let nowMs = 0;
  const note = (level: string) => (_: unknown, message: string) => void lines.push([level, message]);
  const logger = { debug: note('debug'), info: note('info'), warn: note('warn') } as unknown as Logger;
  const clock = { nowMs: () => nowMs } as ClockPort;
  return {
    log: new EngineLog(logger, clock),
    lines,
    levels: () => lines.map(([level]) => level),
    wait: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('the log of an engine', () => {
  it('tells of blocks made and finalized, and warns of offences and of the clock', () => {
    const { log, levels } = setUp();
    for (const name of ['mined', 'proposed', 'finalized', 'offence', 'clockJump', 'otherTime', 'notSigned']) log.trace(name, {});
    expect(levels()).toEqual(['info', 'info', 'info', 'warn', 'warn', 'warn', 'warn']);
  });

  it('tells of stake that is lost for want of votes, and of changes of the validators', () => {
    const { log, levels } = setUp();
    for (const name of ['leakBegan', 'leakEnded', 'validators']) log.trace(name, {});
    expect(levels()).toEqual(['warn', 'info', 'info']);
  });

  it('says after a jump of the clock what it means', () => {
    const { log, lines } = setUp();
    log.trace('clockJump', { jumpMs: 5_000, silentMs: 8_000 });
    expect(lines[0]?.[1]).toContain('nothing is signed');
  });

  it('says what to do about histories that are refused, and is silent about other refusals', () => {
    const { log, lines, levels } = setUp();
    for (const code of ['pos/weak-subjectivity', 'pos/slot']) log.trace('refused', { code });
    for (const name of ['sleptTooLong', 'searching']) log.trace(name, {});
    expect(levels()).toEqual(['warn', 'debug', 'warn', 'warn']);
    expect(
      lines.filter(([, message]) => message.includes('--checkpoint <hash>:<number>') && message.includes('synod status --rpc')),
    ).toHaveLength(2);
  });

  it('keeps the rest for debugging, whatever it is called', () => {
    const { log, lines } = setUp();
    for (const name of ['orphan', 'constructor', '__proto__']) log.trace(name, {});
    expect(lines).toEqual([
      ['debug', 'Engine: orphan'],
      ['debug', 'Engine: constructor'],
      ['debug', 'Engine: __proto__'],
    ]);
  });

  it('does not repeat itself with every slot, each kind by itself', () => {
    const { log, levels, wait } = setUp();
    log.trace('notSigned', {});
    wait(1_000);
    log.trace('notSigned', {});
    log.trace('otherTime', {});
    wait(30_000);
    log.trace('notSigned', {});
    expect(levels()).toEqual(['warn', 'debug', 'warn', 'warn']);
  });
});
