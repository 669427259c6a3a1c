/**
 * Shows observations to those who look at them. A run makes more of them than it has events, most are steps of engines, and
 * most checkers look at one kind or two.
 */
import type { Observation, Observe } from './observations.ts';

export interface Observer {
  /** What it looks at; everything, if it does not say. */
  readonly sees?: readonly Observation['type'][];
  observe(observation: Observation): void;
}

export class Audience {
  readonly #observers: Observer[] = [];
  readonly #byType = new Map<Observation['type'], readonly Observer[]>();

  add(observer: Observer): void {
    this.#observers.push(observer);
    this.#byType.clear();
  }

  /** To each in the order in which they were added. A property, so that it can be handed out as a plain function. */
  readonly show: Observe = (observation) => {
    const { type } = observation;
    const observers = this.#byType.get(type) ?? this.#thoseWhoSee(type);
    for (const observer of observers) observer.observe(observation);
  };

  #thoseWhoSee(type: Observation['type']): readonly Observer[] {
    const found = this.#observers.filter(({ sees }) => sees === undefined || sees.includes(type));
    this.#byType.set(type, found);
    return found;
  }
}
