/** Begins the page: takes the token out of the address, starts watching, draws. */
import { render } from 'preact';
import { Control, takeToken } from './data/control.ts';
import { Network } from './data/network.ts';
import { NetworkContext } from './data/use.ts';
import { App } from './views/app.tsx';

/** JSON-RPC is served at the root, by a supervisor as by a node. */
const network = new Network(new Control(`${location.origin}/`, takeToken()));
const root = document.getElementById('app');
if (root !== null) {
  render(
    <NetworkContext.Provider value={network}>
      <App />
    </NetworkContext.Provider>,
    root,
  );
}
void network.run();
