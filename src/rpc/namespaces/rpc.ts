/** rpc_: what this port answers. Always open. */

import { type Method, method } from '../method.ts';
import { openRpcDocument } from '../open-rpc.ts';

export const RPC: readonly Method[] = [
  method({
    name: 'rpc_modules',
    doc: 'The namespaces that are open here.',
    result: 'an object with the version of each namespace',
    run: ({ methods, backend }) => {
      const namespaces = new Set([...methods.values()].filter((one) => one.available(backend)).map(({ namespace }) => namespace));
      return Object.fromEntries([...namespaces].map((namespace) => [namespace, '1.0']));
    },
  }),
  method({
    name: 'rpc_discover',
    doc: 'Every method that is open here, as an OpenRPC document.',
    result: 'an OpenRPC document',
    run: ({ methods, backend }) =>
      openRpcDocument(
        [...methods.values()].filter((one) => one.available(backend)),
        backend.clientVersion,
      ),
  }),
];
