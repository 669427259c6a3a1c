import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { asertTarget } from '../../../src/consensus/pow/asert.ts';
import { decodeCompact, encodeCompact, MAX_UINT256 } from '../../../src/consensus/pow/compact.ts';

const VECTORS = process.env.ASERT_VECTORS ?? fileURLToPath(new URL('../../../../shared/vectors/asert/', import.meta.url));
const BITCOIN_CASH = { blockTimeSeconds: 600n, halfLifeSeconds: 172_800n, maxTarget: decodeCompact(0x1d00ffff) };

interface Run {
  readonly anchor: { readonly height: bigint; readonly parentTime: bigint; readonly bits: number };
  /** One line for each iteration: the parent's height and time, and the bits of the block after it. */
  readonly lines: readonly { readonly height: bigint; readonly time: bigint; readonly bits: number }[];
}

function parseRun(text: string): Run {
  const field = (name: string): string => present(new RegExp(`^##\\s+${name}: (\\S+)`, 'm').exec(text)?.[1], name);
  const lines = text.split('\n').filter((line) => /^\d/.test(line));
  return {
    anchor: {
      height: BigInt(field('anchor height')),
      parentTime: BigInt(field('anchor ancestor time')),
      bits: Number(field('anchor nBits')),
    },
    lines: lines.map((line) => {
      const [, height, time, bits] = line.trim().split(/\s+/);
      return { height: BigInt(present(height, 'height')), time: BigInt(present(time, 'time')), bits: Number(bits) };
    }),
  };
}

describe('consensus/pow asert', () => {
  it.skipIf(!existsSync(VECTORS))(`matches the published vectors (in ${VECTORS}; skipped where that folder is absent)`, () => {
    let checked = 0;
    for (const file of readdirSync(VECTORS)) {
      const { anchor, lines } = parseRun(readFileSync(`${VECTORS}/${file}`, 'utf8'));
      for (const { height, time, bits } of lines) {
        const timeDelta = time - anchor.parentTime;
        const heightDelta = height - anchor.height;
        const target = asertTarget({ ...BITCOIN_CASH, anchorTarget: decodeCompact(anchor.bits), timeDelta, heightDelta });
        expect(encodeCompact(target).toString(16), `${file}, height ${height}`).toBe(bits.toString(16));
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(1_400);
  });

  const input = { anchorTarget: 2n ** 200n, heightDelta: 9n, blockTimeSeconds: 10n, halfLifeSeconds: 300n, maxTarget: MAX_UINT256 };

  it('keeps the target on schedule, doubles it a half-life late and halves it a half-life early', () => {
    expect(asertTarget({ ...input, timeDelta: 100n })).toBe(2n ** 200n);
    expect(asertTarget({ ...input, timeDelta: 400n })).toBe(2n ** 201n);
    expect(asertTarget({ ...input, timeDelta: -200n })).toBe(2n ** 199n);
  });

  it('truncates the exponent towards zero', () => {
    // One second early is an exponent of -218.45. Truncated it is -218 and gives 65,385; rounded down, -219 and 65,384.
    expect(asertTarget({ ...input, timeDelta: 99n }) >> 184n).toBe(65_385n);
  });

  it('stays between 1 and the easiest target however absurd the times are', () => {
    expect(asertTarget({ ...input, timeDelta: 2n ** 53n })).toBe(MAX_UINT256);
    expect(asertTarget({ ...input, timeDelta: -(2n ** 53n) })).toBe(1n);
    expect(asertTarget({ ...input, timeDelta: 100n, heightDelta: 2n ** 53n })).toBe(1n);
    expect(asertTarget({ ...input, timeDelta: 300n * 60n, maxTarget: 2n ** 220n })).toBe(2n ** 220n);
  });
});
