/**
 * Finality can be checked by someone who was not there: each certificate that comes with a finalized block passes
 * `verifyCertificate` of an instance that took no part, and anything else does not.
 */
import { RuleError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Certificate } from '../../consensus/engine.ts';
import { mutations } from '../conformance/bytes.ts';
import { describe } from '../describe.ts';
import { type CheckerFactory, nameOf } from './checker.ts';

/** Of each run, and changes to each of them. */
const MAX_CERTIFICATES = 8;
const CHANGES = 8;

export const certificates: CheckerFactory = ({ engine, chainOf, isCorrect, report }) => {
  const random = new Random('certificates');
  const checked = new Set<string>();
  let before: { readonly block: HeaderNode; readonly certificate: Certificate } | null = null;
  return {
    name: 'Certificates',
    sees: ['finalized'],
    observe(observation) {
      if (observation.type !== 'finalized' || !isCorrect(observation.node) || checked.size >= MAX_CERTIFICATES) return;
      const { node, block, certificate } = observation;
      const chain = chainOf(node);
      if (chain === null || checked.has(block.hash)) return;
      checked.add(block.hash);
      // What is thrown besides ends the run as what it is, an engine that fails.
      const verdict = (bytes: Certificate): RuleError | null => {
        try {
          engine.verifyCertificate(block.hash, bytes, chain);
          return null;
        } catch (error) {
          if (error instanceof RuleError) return error;
          throw error;
        }
      };
      const refused = verdict(certificate);
      if (refused !== null) return report({ node, message: `The certificate of block ${nameOf(block)} is refused: ${describe(refused)}` });
      const others = mutations([certificate], random, CHANGES).map((bytes) => [bytes, 'that was changed'] as const);
      const foreign = before === null ? [] : [[before.certificate, `of block ${nameOf(before.block)}`] as const];
      before = { block, certificate };
      for (const [bytes, what] of [...others, ...foreign]) {
        if (verdict(bytes) !== null) continue;
        return report({ node, message: `For block ${nameOf(block)}, a certificate ${what} (${bytes.length} bytes) is accepted.` });
      }
    },
  };
};
