/**
 * A process that writes until it is killed: `node crash-child.ts <datadir>`. Each step k appends record k to the
 * consensus log, then takes step k of `crash-plan.ts`, and only then prints `ack k`. It goes on from where an earlier process was killed.
 */
import { Lsn } from '../../src/base/types.ts';
import { openDatadir } from '../../src/storage/datadir.ts';
import { buildGenesis } from '../support/chain.ts';
import { stepOf, takeStep } from './crash-plan.ts';

const genesis = buildGenesis();
const datadir = await openDatadir(process.argv[2] as string, { genesisHash: genesis.hash, chainId: 31337, engine: 'pow' });
const store = await datadir.openStore(genesis);
const { log, lsn } = await datadir.openLog((error) => {
  throw error;
});

process.stdout.write(`open ${stepOf(store.head)} ${lsn}\n`);
let logged: number = lsn;
for (let step = stepOf(store.head) + 1; ; step++) {
  if (logged < step) {
    await new Promise<void>((done) => log.append(Lsn(step), [Uint8Array.of(step & 255, step >> 8)], undefined, done));
    logged = step;
  }
  await takeStep(store, step);
  process.stdout.write(`ack ${step}\n`);
}
