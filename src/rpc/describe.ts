/** METHODS.md from the table of methods: `node src/rpc/describe.ts > src/rpc/METHODS.md`. A test compares the two. */
import type { Method } from './method.ts';
import { DEFAULT_NAMESPACES, METHODS, NAMESPACES } from './methods.ts';

const HEAD = `# JSON-RPC methods

Written by \`node src/rpc/describe.ts\` from the same table that answers requests; do not edit. The namespaces
${DEFAULT_NAMESPACES.map((name) => `\`${name}\``).join(', ')} are open by default; \`--http.api\` opens others. Optional parameters are marked with \`?\`.
`;

export function describeMethods(): string {
  const sections = NAMESPACES.map((namespace) => {
    const methods = [...METHODS.values()].filter((method) => method.namespace === namespace);
    return `\n## ${namespace}\n\n${methods.map(describe).join('\n\n')}\n`;
  });
  return [HEAD, ...sections].join('');
}

function describe({ name, doc, parameters, result }: Method): string {
  const names = parameters.map((parameter) => (parameter.optional ? `${parameter.name}?` : parameter.name));
  const lines = parameters.map((parameter) => `- \`${parameter.name}\`: ${parameter.expected}`);
  return [`### ${name}(${names.join(', ')})`, '', doc, '', ...lines, `- answers: ${result}`].join('\n');
}

if (import.meta.main) process.stdout.write(describeMethods());
