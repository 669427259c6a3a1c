import { SynodError } from '../base/errors.ts';

/** Mining cannot go on as asked. The node itself is sound: it still follows the chain and serves its users. */
export class MiningError extends SynodError {}
