import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gatherWrites } from '../../src/network/writes.ts';

/** A connection that notes what reaches it. */
function connection() {
  const seen: (string | Error)[] = [];
  const writer: Parameters<typeof gatherWrites>[0] = {
    status: 'open',
    writableNeedsDrain: false,
    send(data) {
      if (this.status !== 'open') throw new RangeError('closed');
      seen.push(Buffer.from(data.subarray()).toString());
      return true;
    },
    async close() {
      seen.push('closed');
    },
    abort: (error) => void seen.push(error),
  };
  return { seen, writer };
}

const bytes = (text: string) => Buffer.from(text);

describe('gatherWrites', () => {
  it('sends what comes in one turn in one piece, in its order', async () => {
    const { seen, writer } = connection();
    gatherWrites(writer);
    for (const text of ['a', 'bc', 'd']) expect(writer.send(bytes(text))).toBe(true);
    expect(seen).toEqual([]);
    await nextTurn();
    writer.send(bytes('e'));
    await nextTurn();
    expect(seen).toEqual(['abcd', 'e']);
  });

  it('sends what waits before it closes', async () => {
    const { seen, writer } = connection();
    gatherWrites(writer);
    writer.send(bytes('last'));
    await writer.close();
    expect(seen).toEqual(['last', 'closed']);
  });

  it('asks for patience as the connection does, and lets it say what is wrong', async () => {
    const { seen, writer } = connection();
    gatherWrites(writer);
    writer.writableNeedsDrain = true;
    expect(writer.send(bytes('a'))).toBe(false);
    writer.status = 'aborted';
    expect(() => writer.send(bytes('b'))).toThrow(RangeError);
    await nextTurn();
    expect(seen).toEqual([]);
  });

  it('ends a connection that takes nothing', async () => {
    const { seen, writer } = connection();
    const error = new RangeError('full');
    writer.send = () => {
      throw error;
    };
    gatherWrites(writer);
    writer.send(bytes('a'));
    await nextTurn();
    expect(seen).toEqual([error]);
  });
});
