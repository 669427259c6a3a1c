/** The frames of one transaction, read back from a worker's answer: short enough to be looked into here. */
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { ListedFrame } from '../execution/tracing/frame-lister.ts';
import { type Tracing, traceBlock, traceTransaction } from './tracing.ts';

/** Parsing as much takes the event loop some 30 ms. */
const MAX_BYTES = 4_000_000;
const ASKED = { tracer: { name: 'frameLister' }, maxBytes: MAX_BYTES } as const;

/** Throws RpcError for a transaction that is not mined, RuleError `trace/too-large` for one with too much in it. */
export async function framesOf(context: Tracing, transaction: Hash): Promise<readonly ListedFrame[]> {
  return JSON.parse(await traceTransaction(context, transaction, ASKED));
}

/** Of each transaction of the block. */
export async function framesOfBlock(context: Tracing, node: HeaderNode): Promise<readonly (readonly ListedFrame[])[]> {
  return JSON.parse(await traceBlock(context, node, ASKED, 'results'));
}

/** Only what took effect: a frame that failed takes all below it along. */
export function effective(frames: readonly ListedFrame[]): ListedFrame[] {
  const kept: ListedFrame[] = [];
  let failedDepth = Number.POSITIVE_INFINITY;
  for (const frame of frames) {
    if (frame.depth <= failedDepth) failedDepth = frame.error === null ? Number.POSITIVE_INFINITY : frame.depth;
    if (frame.depth < failedDepth) kept.push(frame);
  }
  return kept;
}
