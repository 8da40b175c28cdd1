import { setTimeout as delay } from 'node:timers/promises';
import { type FlowAttempt, type FlowOutcome, tryFlow } from './flows.ts';

export interface WatchOptions {
  readonly flow: FlowAttempt;
  readonly until: FlowOutcome;
  /** Between two attempts; they overlap. */
  readonly everyMs: number;
  readonly withinMs: number;
}

/**
 * Tries a flow until an attempt ends as wished; resolves to the Unix milliseconds at which that attempt was begun (for
 * silence, which takes its time to be recognised) or answered; undefined when it never did.
 */
export async function watch({ flow, until, everyMs, withinMs }: WatchOptions): Promise<number | undefined> {
  const deadline = Date.now() + withinMs;
  let moment: number | undefined;
  while (moment === undefined && Date.now() < deadline) {
    const begun = Date.now();
    void tryFlow(flow).then((outcome) => {
      if (outcome !== until) return;
      const seen = until === 'silent' ? begun : Date.now();
      moment = Math.min(moment ?? seen, seen);
    });
    await delay(everyMs);
  }
  return moment;
}
