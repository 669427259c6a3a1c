/**
 * What engines say of themselves (`inspect`) over time. A description changes little from step to step, so only the fields
 * that changed are kept, and a page that has no room for all of them keeps one for each stretch of time.
 */
import type { Json } from '../../base/types.ts';
import type { StateColumns } from './model.ts';
import { type Budget, PageTexts, type TextTable } from './texts.ts';
import type { TimeWindow } from './window.ts';

type Fields = { readonly [key: string]: Json };

/** Stretches that are tried, one after another, until what is left fits. */
const STRETCHES_US = [0, 10_000, 100_000, 300_000, 1_000_000, 10_000_000, 100_000_000];
const MAX_CHANGES = 300_000;

interface Change {
  readonly atUs: number;
  readonly text: number;
}

export class StateCollector {
  readonly #texts: TextTable;
  readonly #changes: Change[][];
  /** By node and field, its last value as JSON. */
  readonly #last: Map<string, string>[];
  #count = 0;

  constructor(nodes: number, texts: TextTable) {
    this.#texts = texts;
    this.#changes = Array.from({ length: nodes }, () => []);
    this.#last = Array.from({ length: nodes }, () => new Map());
  }

  told(atUs: number, node: number, state: Json): void {
    const [changes, last] = [this.#changes[node], this.#last[node]];
    if (changes === undefined || last === undefined || this.#count >= MAX_CHANGES) return;
    const fields = fieldsOf(state);
    const changed: { [key: string]: Json } = {};
    for (const [name, value] of Object.entries(fields)) {
      const text = JSON.stringify(value);
      if (last.get(name) === text) continue;
      last.set(name, text);
      changed[name] = value;
    }
    for (const name of [...last.keys()].filter((name) => !(name in fields))) {
      last.delete(name);
      changed[name] = null;
    }
    if (Object.keys(changed).length === 0) return;
    this.#count++;
    changes.push({ atUs, text: this.#texts.place(JSON.stringify(changed)) });
  }

  /** The changes within a window, as fine as the budget allows, and the stretch of time that each of them stands for. */
  read(window: TimeWindow, budget: Budget): { readonly columns: StateColumns[]; readonly texts: PageTexts; readonly stretchUs: number } {
    for (const stretchUs of STRETCHES_US) {
      const texts = new PageTexts();
      const spent = { ...budget };
      const columns: StateColumns[] = [];
      for (const changes of this.#changes) {
        if (spent.refused === budget.refused) columns.push(toColumns(this.#merged(changes, window, stretchUs), texts, spent));
      }
      if (spent.refused === budget.refused) return { columns, texts, stretchUs };
    }
    return { columns: this.#changes.map(() => ({ atUs: [], text: [] })), texts: new PageTexts(), stretchUs: Number.POSITIVE_INFINITY };
  }

  /** What came before the window is one change at its beginning. */
  #merged(changes: readonly Change[], { fromUs, toUs }: TimeWindow, stretchUs: number): { atUs: number; fields: Fields }[] {
    const merged: { atUs: number; fields: Fields }[] = [];
    for (const { atUs, text } of changes) {
      if (atUs > toUs) break;
      const fields = text === 0 ? {} : (JSON.parse(this.#texts.text(text)) as Fields);
      const last = merged.at(-1);
      const belongs = last !== undefined && (atUs < fromUs || atUs - last.atUs < stretchUs);
      if (belongs) last.fields = { ...last.fields, ...fields };
      else merged.push({ atUs, fields });
    }
    return merged;
  }
}

function toColumns(changes: readonly { readonly atUs: number; readonly fields: Fields }[], texts: PageTexts, budget: Budget): StateColumns {
  const [atUs, text]: [number[], number[]] = [[], []];
  let last = 0;
  for (const change of changes) {
    atUs.push(change.atUs - last);
    last = change.atUs;
    text.push(texts.place(JSON.stringify(change.fields), budget));
  }
  return { atUs, text };
}

function fieldsOf(state: Json): Fields {
  return typeof state === 'object' && state !== null && !Array.isArray(state) ? (state as Fields) : { state };
}
