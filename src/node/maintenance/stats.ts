/** What the databases of a node hold, by kind of row. */
import type { DatabaseName } from '../../storage/remedies.ts';
import { ALL_KEYS, DATABASES, type StoppedNode, tableOf } from './stopped.ts';

export interface KindStats {
  readonly database: DatabaseName;
  /** As `layout.ts` names it; `unknown` for rows of no table. */
  readonly kind: string;
  readonly rows: number;
  /** Of keys and values, as they are before LevelDB lays them out. */
  readonly bytes: number;
}

/** The largest kinds first. `onProgress` hears of the rows so far. */
export async function databaseStats(node: StoppedNode, onProgress: (rows: number) => void): Promise<KindStats[]> {
  const kinds = new Map<string, { database: DatabaseName; kind: string; rows: number; bytes: number }>();
  let seen = 0;
  for (const name of DATABASES) {
    for await (const [key, value] of node.databases[name].database.entries(ALL_KEYS)) {
      const kind = tableOf(name, key)?.name ?? 'unknown';
      const stats = kinds.get(`${name} ${kind}`) ?? { database: name, kind, rows: 0, bytes: 0 };
      stats.rows += 1;
      stats.bytes += key.length + value.length;
      kinds.set(`${name} ${kind}`, stats);
      onProgress(++seen);
    }
  }
  return [...kinds.values()].sort((a, b) => b.bytes - a.bytes);
}
