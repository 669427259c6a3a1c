/** The table of methods as an OpenRPC document (spec.open-rpc.org, 1.3.2), from which clients and pages can be made. */
import type { Json } from '../base/types.ts';
import type { JsonSchema } from './codecs.ts';
import { RPC_CODES } from './errors.ts';
import type { Method } from './method.ts';

const ERRORS: readonly (readonly [code: number, message: string])[] = [
  [RPC_CODES.invalidParams, 'a parameter is missing or wrong; the message names it'],
  [RPC_CODES.server, 'the request makes sense and cannot be granted; the message says why'],
  [RPC_CODES.limit, 'more than this node gives at once'],
  [RPC_CODES.timeout, 'no answer within the time that a request may take'],
  [RPC_CODES.tooLarge, 'the answer is larger than a reply may be'],
];

export function openRpcDocument(methods: Iterable<Method>, version: string): Json {
  return {
    openrpc: '1.3.2',
    info: { title: 'synod', description: "Ethereum's JSON-RPC, and synod's own methods for consensus.", version },
    methods: [...methods].map(describe),
  };
}

function describe({ name, namespace, doc, parameters, result }: Method): Json {
  return {
    name,
    tags: [{ name: namespace }],
    summary: doc,
    paramStructure: 'by-position',
    params: parameters.map(({ name: parameter, expected, optional, schema }) => ({
      name: parameter,
      description: expected,
      required: !optional,
      schema: schemaOf(schema, expected),
    })),
    result: { name: 'result', description: result, schema: { description: result } },
    errors: ERRORS.map(([code, message]) => ({ code, message })),
  };
}

function schemaOf(schema: JsonSchema | undefined, expected: string): Json {
  return schema ?? { description: expected };
}
