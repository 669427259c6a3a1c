/** An engine that tells how it describes itself (`inspect`) after each step in which that changed. For readers of a trace. */
import type { Json } from '../base/types.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import { describe } from './describe.ts';

export function reportStates(engine: AnyEngine, report: (description: Json) => void): AnyEngine {
  const reported = Object.create(engine) as AnyEngine;
  let last = '';
  reported.step = (state, event, context) => {
    const effects = engine.step(state, event, context);
    const { description, text } = describeState(engine, state);
    if (text !== last) report(description);
    last = text;
    return effects;
  };
  return reported;
}

/** A description that cannot be made, or is no JSON, must not end a run that would go on without readers. */
function describeState(engine: AnyEngine, state: unknown): { readonly description: Json; readonly text: string } {
  try {
    const description = engine.inspect(state);
    return { description, text: JSON.stringify(description) };
  } catch (error) {
    const description = { error: `inspect failed: ${describe(error)}` };
    return { description, text: description.error };
  }
}
