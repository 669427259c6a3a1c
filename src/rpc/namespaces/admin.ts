/** admin_: this node and its peers. Addresses are multiaddrs; fields have geth's names where geth has them. */
import { toQuantity } from '../../base/bytes.ts';
import { text } from '../codecs.ts';
import { type Method, method, required } from '../method.ts';

export const ADMIN: readonly Method[] = [
  method({
    name: 'admin_nodeInfo',
    doc: 'Who this node is and where peers reach it.',
    result: 'an object with id, name, enode (its first multiaddr), addresses and protocols',
    run({ backend }) {
      const { self } = backend.network;
      const { genesis, head } = backend.chain;
      const protocol = { network: backend.chainId, genesis: genesis.hash, head: head.hash, number: toQuantity(head.header.number) };
      return {
        id: self.id,
        name: backend.clientVersion,
        enode: self.addresses[0] ?? null,
        addresses: [...self.addresses],
        protocols: { synod: protocol },
      };
    },
  }),
  method({
    name: 'admin_peers',
    doc: 'The connected peers.',
    result: 'a list of peers with id, name, enode (its multiaddr), network and protocols',
    run: ({ backend }) =>
      backend.network.peers().map(({ id, agent, remoteAddress, inbound, head }) => ({
        id,
        name: agent,
        enode: remoteAddress,
        network: { remoteAddress, inbound },
        protocols: { synod: { head: head?.hash ?? null, number: head === null ? null : toQuantity(head.number) } },
      })),
  }),
  method({
    name: 'admin_addPeer',
    doc: 'Connects to a peer and keeps the connection.',
    parameters: [required('multiaddr', text)],
    result: 'true',
    async run({ backend }, address) {
      await backend.network.addPeer(address);
      return true;
    },
  }),
  method({
    name: 'admin_removePeer',
    doc: 'Disconnects a peer, given by its id or multiaddr, and no longer keeps the connection.',
    parameters: [required('peer', text)],
    result: 'whether it was connected',
    run: ({ backend }, peer) => backend.network.removePeer(peer),
  }),
];
