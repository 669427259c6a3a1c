/** The two shapes of a log: geth's lines, and JSON. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gethLine, openLogger } from '../../src/node/logger.ts';
import { temporaryDirectories } from '../support/directory.ts';

const directory = temporaryDirectories();
const time = new Date(2026, 4, 14, 11, 53, 50, 637).getTime();

describe('a line of the log', () => {
  it("has geth's shape", () => {
    const line = gethLine({ level: 30, time, msg: 'Imported block', number: 5, hash: '0x12..ef' }, false);
    expect(line).toBe(`INFO  [05-14|11:53:50.637] ${'Imported block'.padEnd(40)} number=5 hash=0x12..ef`);
    expect(gethLine({ level: 40, time, msg: 'Alone' }, false)).toBe('WARN  [05-14|11:53:50.637] Alone');
  });

  it('quotes a value that could be read as two, and lets no value move the cursor or begin a line', () => {
    const said = 'I am \u001b[2Jhere\nERROR [05-14|11:53:50.637] Robbed';
    const line = gethLine({ level: 20, time, msg: 'Peer', said }, false);
    expect(line).toMatch(/ said="I am here ERROR \[05-14\|11:53:50\.637\] Robbed"$/);
    expect(line.split('\n')).toHaveLength(1);
  });

  it('is a JSON document, from the wished level on, in the file that was named', () => {
    const file = join(directory(), 'logs', 'node.log');
    const logger = openLogger({ format: 'json', verbosity: 3, file });
    logger.debug({ secret: false }, 'Not this');
    logger.info({ number: 5 }, 'Imported block');
    const entries = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(entries).toEqual([{ level: 30, time: expect.any(Number), number: 5, msg: 'Imported block' }]);
  });
});
