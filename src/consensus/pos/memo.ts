/**
 * Answers of pure functions about immutable objects, remembered for as long as the objects are referred to by somebody. The
 * only caches of this engine that live outside of a state: they cannot grow, and nothing but time depends on them.
 */

export function remembered<Key extends object, Answer>(answer: (key: Key) => Answer): (key: Key) => Answer {
  const known = new WeakMap<Key, { readonly answer: Answer }>();
  return (key) => {
    const found = known.get(key);
    if (found !== undefined) return found.answer;
    const fresh = answer(key);
    known.set(key, { answer: fresh });
    return fresh;
  };
}

/** Of two objects: forgotten when either of them is. */
export function rememberedOfTwo<A extends object, B extends object, Answer>(answer: (a: A, b: B) => Answer): (a: A, b: B) => Answer {
  const known = remembered((a: A) => remembered((b: B) => answer(a, b)));
  return (a, b) => known(a)(b);
}
