/** `synod init`: make a datadir for a network before its first start. */
import type { Command } from 'commander';
import { ZERO_ADDRESS } from '../base/types.ts';
import { parseGenesis } from '../execution/genesis-document.ts';
import { engineAccountsAdvice } from '../node/genesis-accounts.ts';
import { engineOption, genesisFor } from './genesis.ts';
import { absolutePath, defaultDatadir } from './options.ts';
import { print, warn } from './output.ts';

interface InitFlags {
  readonly datadir: string;
  readonly engine?: string;
  readonly json?: boolean;
}

export function registerInit(program: Command): void {
  program
    .command('init')
    .argument('[genesis]', "genesis document in geth's form, with an engine object in its config (default: a built-in network)")
    .description('prepare a datadir for a network')
    .option('--datadir <dir>', 'where the chain and the keys are kept', absolutePath, defaultDatadir())
    .addOption(engineOption())
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  synod init my-network.json --datadir ./mine
  synod init --engine pos --datadir ./staked   the built-in proof-of-stake development network`,
    )
    .action(async (file: string | undefined, flags: InitFlags) => {
      const document = genesisFor(flags.datadir, { ...flags, genesis: file });
      const advice = engineAccountsAdvice(parseGenesis(document));
      if (advice !== null) warn(advice);
      const { openChain } = await import('../node/chain.ts');
      const chain = await openChain(flags.datadir, document, { node: { beneficiary: ZERO_ADDRESS, produce: false, signers: [] } });
      const { genesisHash, chainId, engine } = chain.params;
      await chain.close();
      print(
        flags.json,
        { datadir: flags.datadir, genesisHash, chainId, engine: engine.name },
        () => `Chain ${chainId} (engine ${engine.name}) in ${flags.datadir}\ngenesis ${genesisHash}`,
      );
    });
}
