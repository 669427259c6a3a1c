/** What this node says of itself to peers, clients and metrics, in the form of other clients. */
import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

export const CLIENT_VERSION = `synod/v${version}/${process.platform}-${process.arch}/node${process.versions.node}`;
