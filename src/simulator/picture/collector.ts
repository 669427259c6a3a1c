/**
 * Reads a trace as it is written and keeps, in columns, what a picture of the run may need. How much of it fits into a page
 * is decided at the end (`build.ts`), when it is known what happened.
 */
import type { Json } from '../../base/types.ts';
import type { TraceEntry, TraceSink } from '../trace.ts';
import { BlockCollector } from './blocks.ts';
import { MarkCollector } from './marks.ts';
import { MessageCollector } from './messages.ts';
import { type MarkKind, PICTURE_LIMITS } from './model.ts';
import { RoleCollector } from './roles.ts';
import { faultSentence, SpanCollector } from './spans.ts';
import { StateCollector } from './states.ts';
import { TextTable } from './texts.ts';

/** What is remembered of details before it is known which of them are shown. */
const MAX_TEXT_CHARACTERS = 24_000_000;
const MAX_NAMES_CHARACTERS = 100_000;
const MAX_NAME_CHARACTERS = 80;

type Data = { readonly [key: string]: Json };

export class PictureCollector {
  /** To be attached to the run. */
  readonly sink: TraceSink;
  readonly texts = new TextTable(MAX_TEXT_CHARACTERS);
  /** Of what marks are called: few, and of more use than any detail. */
  readonly names = new TextTable(MAX_NAMES_CHARACTERS);
  readonly blocks = new BlockCollector();
  readonly marks = new MarkCollector();
  readonly messages: MessageCollector;
  readonly spans: SpanCollector;
  readonly roles: RoleCollector;
  readonly states: StateCollector;
  /** Names that nodes have for each other; twins share one. */
  readonly nodeNames: string[];

  constructor(nodes: number) {
    this.messages = new MessageCollector(nodes, this.texts, this.blocks, (atUs, node, height, block) =>
      this.marks.add(atUs, 'produce', node, { value: height, block }),
    );
    this.spans = new SpanCollector(nodes, PICTURE_LIMITS.spans);
    this.roles = new RoleCollector(nodes, PICTURE_LIMITS.roles);
    this.states = new StateCollector(nodes, this.texts);
    this.nodeNames = Array.from({ length: nodes }, (_, place) => `node-${place}`);
    this.sink = Object.assign((entry: TraceEntry) => this.#take(entry), { wantsStates: true });
  }

  #take(entry: TraceEntry): void {
    switch (entry.kind) {
      case 'send':
        return this.messages.sent(entry);
      case 'receive':
        return this.messages.received(entry);
      case 'lost':
        return this.messages.lost(entry);
      case 'insert':
        return this.#inserted(entry);
      case 'head':
        return this.#headChanged(entry);
      case 'check':
        return this.#checked(entry);
      case 'start':
      case 'stop':
        return this.#lived(entry);
      case 'fault':
      case 'heal':
        return this.#fault(entry);
      case 'engine':
        return this.#engine(entry);
      case 'state':
        return this.#state(entry);
      default:
        return this.#other(entry);
    }
  }

  #inserted({ atUs, node, id, what, data }: TraceEntry): void {
    const block = this.blocks.place(what);
    const isNew = this.blocks.seen(block, node, atUs, id);
    this.blocks.describe(block, data?.parent, Number(data?.transactions ?? 0));
    this.marks.add(atUs, isNew ? 'produce' : 'keep', node, { value: id, block });
  }

  #headChanged({ atUs, node, id, what, data }: TraceEntry): void {
    const block = this.blocks.place(what);
    const depth = Number(data?.removed ?? 0);
    if (depth > 0) this.marks.add(atUs, 'reorg', node, { value: depth, block });
    else this.marks.add(atUs, 'head', node, { value: id, block });
  }

  #checked({ atUs, node, id, what, data }: TraceEntry): void {
    const block = this.blocks.place(what);
    if (id === 1) this.marks.add(atUs, 'check', node, { block });
    else this.marks.add(atUs, 'invalid', node, { block, name: this.#name(String(data?.code ?? 'invalid')) });
  }

  #lived({ atUs, kind, node, id, data }: TraceEntry): void {
    if (kind === 'start') {
      if (typeof data?.id === 'string') this.nodeNames[node] = data.id;
      this.spans.started(atUs, node);
      const text = typeof data?.finalized === 'number' ? this.#text(JSON.stringify({ finalized: data.finalized })) : 0;
      this.marks.add(atUs, 'start', node, { value: id, block: this.blocks.place(data?.head), text });
      return;
    }
    const error = typeof data?.error === 'string' ? data.error : null;
    this.spans.stopped(atUs, node, error);
    this.roles.stopped(atUs, node);
    this.marks.add(atUs, 'stop', node, { text: error === null ? 0 : this.#text(error) });
  }

  #fault({ atUs, kind, node, what, data }: TraceEntry): void {
    const fields = data ?? {};
    if (kind === 'fault') this.spans.faultBegan(atUs, what, fields);
    else this.spans.faultEnded(atUs, fields);
    const text = this.#text(faultSentence(what, fields));
    this.marks.add(atUs, kind === 'fault' ? 'fault' : 'heal', node, { name: this.#name(what), text });
  }

  #engine({ atUs, node, what, data }: TraceEntry): void {
    const fields: Data = data ?? {};
    if (typeof fields.role === 'string') this.roles.told(atUs, node, fields);
    const text = Object.keys(fields).length === 0 ? 0 : this.#text(JSON.stringify(fields));
    this.marks.add(atUs, 'engine', node, { name: this.#name(what), text, block: this.blocks.known(fields.hash ?? fields.block) });
  }

  #state({ atUs, node, data }: TraceEntry): void {
    const state = data?.state ?? null;
    this.states.told(atUs, node, state);
    if (typeof state === 'object' && state !== null && !Array.isArray(state)) this.roles.told(atUs, node, state as Data);
  }

  #other({ atUs, kind, node, peer, id, what }: TraceEntry): void {
    switch (kind) {
      case 'finalize':
      case 'durable':
        return this.marks.add(atUs, kind, node, { value: id, block: this.blocks.place(what) });
      case 'persist':
        return this.marks.add(atUs, kind, node, { value: id });
      case 'offence':
        return this.marks.add(atUs, kind, node, { value: peer, name: this.#name(what) });
      case 'peer':
      case 'gone':
        return this.marks.add(atUs, kind satisfies MarkKind, node, { value: peer });
      case 'client':
        return this.marks.add(atUs, kind, node);
      case 'phase':
        return this.marks.add(atUs, kind, node, { name: this.#name(what) });
      default:
        return;
    }
  }

  #name(name: string): number {
    return this.names.place(name.slice(0, MAX_NAME_CHARACTERS));
  }

  #text(text: string): number {
    return this.texts.place(text);
  }
}
