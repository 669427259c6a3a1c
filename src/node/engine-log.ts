/** Which of the engine's traces an operator should read of, at what level and in what words. All others are for debugging. */
import type { Json } from '../base/types.ts';
import type { Logger } from './logger.ts';
import type { ClockPort } from './ports.ts';

interface Line {
  readonly level: 'info' | 'warn';
  readonly message: string;
  /** Lines of this kind that come sooner after the last one are for debugging, too. */
  readonly everyMs?: number;
}

/** A node that catches up finalizes many blocks at once. */
const OFTEN_MS = 1_000;
/** What a bad clock brings comes with every slot. */
const SELDOM_MS = 30_000;

/** How to get over a sleep that was too long. */
const TRUST =
  'start this node again with --checkpoint <hash>:<number> of a final block, as `synod status --rpc <url>` of a node that you trust shows it';

/** By the name of the trace, or name and code. */
const LINES: { readonly [trace: string]: Line } = {
  mined: { level: 'info', message: 'Mined block' },
  phase: { level: 'info', message: 'The chain goes on with another engine' },
  proposed: { level: 'info', message: 'Proposed block' },
  finalized: { level: 'info', message: 'Finalized block', everyMs: OFTEN_MS },
  replayed: { level: 'info', message: 'Read again what is not final yet' },
  sleptTooLong: {
    level: 'warn',
    message: `What is final here is older than this network lets anybody trust. If all of it stood still, nothing need be done. If others went on: ${TRUST}`,
  },
  'refused pos/weak-subjectivity': {
    level: 'warn',
    message: `Others have a history of the time that this node slept through, which is too long ago to believe them: ${TRUST}`,
    everyMs: SELDOM_MS,
  },
  searching: {
    level: 'warn',
    message: 'No peer has shown a chain that leads to the checkpoint yet; nothing else is followed',
    everyMs: SELDOM_MS,
  },
  offence: { level: 'warn', message: 'Validators broke a rule that costs them stake; the evidence goes into a block' },
  leakBegan: { level: 'warn', message: 'Nothing has become final for some epochs: validators that do not vote lose stake until it does' },
  leakEnded: { level: 'info', message: 'Blocks become final again: nobody loses stake for not voting any more' },
  validators: { level: 'info', message: 'Validators have joined, left or been slashed, for good', everyMs: OFTEN_MS },
  requestRefused: { level: 'info', message: 'A call of the staking contract has no effect', everyMs: OFTEN_MS },
  clockJump: { level: 'warn', message: 'The system clock jumped; nothing is signed until it has been steady for a while' },
  otherTime: { level: 'warn', message: "Others live in another slot; compare this machine's clock with a time server", everyMs: SELDOM_MS },
  notSigned: {
    level: 'warn',
    message: 'Nothing was signed',
    everyMs: SELDOM_MS,
  },
};

export class EngineLog {
  readonly #logger: Logger;
  readonly #clock: ClockPort;
  readonly #lastMs = new Map<string, number>();

  constructor(logger: Logger, clock: ClockPort) {
    this.#logger = logger;
    this.#clock = clock;
  }

  trace(name: string, data: { readonly [key: string]: Json }): void {
    const kind = [name, `${name} ${data.code}`].find((each) => Object.hasOwn(LINES, each)) ?? name;
    const line = Object.hasOwn(LINES, kind) ? LINES[kind] : undefined;
    if (line === undefined || this.#isTooSoon(kind, line)) this.#logger.debug(data, `Engine: ${name}`);
    else this.#logger[line.level](data, line.message);
  }

  #isTooSoon(name: string, { everyMs = 0 }: Line): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - (this.#lastMs.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) return true;
    this.#lastMs.set(name, nowMs);
    return false;
  }
}
