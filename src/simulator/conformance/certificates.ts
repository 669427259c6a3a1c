/**
 * Finality can be checked by someone who was not there: each certificate that comes with a finalized block passes
 * `verifyCertificate` of an instance that took no part, and anything else does not.
 */
import { DecodeError, RuleError } from '../../base/errors.ts';
import { Random } from '../../base/random.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Certificate } from '../../consensus/engine.ts';
import type { CheckerFactory } from '../checkers/checker.ts';
import { nameOf } from '../checkers/checker.ts';
import { describe } from '../describe.ts';
import { mutations } from './bytes.ts';

/** Of each run, and changes to each of them. */
const MAX_CERTIFICATES = 16;
const CHANGES = 12;

export const certificates: CheckerFactory = ({ engine, chainOf, isCorrect, report }) => {
  const random = new Random('certificates');
  const checked = new Set<string>();
  let before: { readonly block: HeaderNode; readonly certificate: Certificate } | null = null;
  return {
    name: 'Certificates',
    observe(observation) {
      if (observation.type !== 'finalized' || !isCorrect(observation.node) || checked.size >= MAX_CERTIFICATES) return;
      const { node, block, certificate } = observation;
      const chain = chainOf(node);
      if (chain === null || checked.has(block.hash)) return;
      checked.add(block.hash);
      const verdict = (bytes: Certificate): unknown => {
        try {
          engine.verifyCertificate(block.hash, bytes, chain);
          return null;
        } catch (error) {
          return error;
        }
      };
      const refused = verdict(certificate);
      if (refused !== null) return report({ node, message: `The certificate of block ${nameOf(block)} is refused: ${describe(refused)}` });
      const others = mutations([certificate], random, CHANGES).map((bytes) => [bytes, 'that was changed'] as const);
      const foreign = before === null ? [] : [[before.certificate, `of block ${nameOf(before.block)}`] as const];
      before = { block, certificate };
      for (const [bytes, what] of [...others, ...foreign]) {
        const error = verdict(bytes);
        if (error instanceof RuleError || error instanceof DecodeError) continue;
        const problem = error === null ? 'is accepted' : `is not refused by a RuleError: ${describe(error)}`;
        return report({ node, message: `For block ${nameOf(block)}, a certificate ${what} (${bytes.length} bytes) ${problem}.` });
      }
    },
  };
};
