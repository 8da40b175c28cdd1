/** A hub's two clocks: that of the day, which may be set, back too, is for what others are told alone. */
export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Milliseconds since some moment in the past; it only goes on. */
  elapsed(): number;
}

export const systemClock: Clock = { now: () => Date.now(), elapsed: () => performance.now() };
