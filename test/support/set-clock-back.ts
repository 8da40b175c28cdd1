/**
 * All of this process takes it to be so many milliseconds earlier, as after a step of its machine's clock, until the function that it gives is
 * called. What lasts (timers, performance.now) is as before.
 */
export function setClockBack(ms: number): () => void {
  const real = Date;
  const now = () => real.now() - ms;
  globalThis.Date = new Proxy(real, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
    get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
  });
  return () => {
    globalThis.Date = real;
  };
}
