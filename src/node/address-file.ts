/** Remembers the addresses of peers over a restart, in `<datadir>/synod/peers.json`. Losing it costs nothing but time. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AddressStore } from '../network/host.ts';

const MAX_FILE_BYTES = 1024 * 1024;

export function addressFile(datadir: string, warn: (message: string, reason: string) => void): AddressStore {
  const path = join(datadir, 'synod', 'peers.json');
  return {
    load() {
      try {
        const text = readFileSync(path, 'utf8');
        const list: unknown = text.length > MAX_FILE_BYTES ? [] : JSON.parse(text);
        return Array.isArray(list) ? list.filter((address) => typeof address === 'string') : [];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') warn('Cannot read the remembered peers', String(error));
        return [];
      }
    },
    save(addresses) {
      try {
        writeFileSync(`${path}.new`, JSON.stringify(addresses));
        renameSync(`${path}.new`, path);
      } catch (error) {
        warn('Cannot remember the peers', String(error));
      }
    },
  };
}
