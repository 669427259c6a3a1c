/** eth_: what Ethereum wallets, libraries and indexers call. By far the largest namespace, so by subject. */
import type { Method } from '../method.ts';
import { CALL_METHODS } from './eth/call.ts';
import { CHAIN_METHODS } from './eth/chain.ts';
import { CONFIG_METHODS } from './eth/config.ts';
import { FEE_METHODS } from './eth/fees.ts';
import { SENDING_METHODS } from './eth/sending.ts';
import { SIMULATE_METHODS } from './eth/simulate.ts';
import { STATE_METHODS } from './eth/state.ts';
import { TRANSACTION_METHODS } from './eth/transactions.ts';
import { WATCHING_METHODS } from './eth/watching.ts';

export const ETH: readonly Method[] = [
  ...CHAIN_METHODS,
  ...CONFIG_METHODS,
  ...STATE_METHODS,
  ...TRANSACTION_METHODS,
  ...SENDING_METHODS,
  ...CALL_METHODS,
  ...SIMULATE_METHODS,
  ...FEE_METHODS,
  ...WATCHING_METHODS,
];
