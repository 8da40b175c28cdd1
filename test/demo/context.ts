import type { Lab } from '../lab/index.ts';
import type { Terminal } from './terminal.ts';

/** What the steps of the demo share. */
export interface Context {
  readonly lab: Lab;
  readonly terminal: Terminal;
  /** The figures for the table at the end, in the order in which they were measured. */
  readonly figures: Array<readonly [what: string, figure: string]>;
  /** Aborted when the demo is interrupted. */
  readonly signal: AbortSignal;
  /** Things to be ended before the lab goes. */
  readonly cleanups: Array<() => Promise<void>>;
}

/** A claim of the demo did not hold. */
export class StepFailed extends Error {
  override name = 'StepFailed';
}

/** Prints what held, or ends the demo with what did not. */
export function check(context: Context, holds: boolean, claim: string, otherwise: string, ms?: number): void {
  if (!holds) throw new StepFailed(`${claim}: ${otherwise}`);
  context.terminal.passed(claim, ms);
}

/** Polls until the condition gives a value; throws StepFailed with what was waited for when it does not in time. */
export async function waitFor<T>(
  { signal }: Context,
  what: string,
  condition: () => Promise<T | undefined | false>,
  withinMs = 15_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new StepFailed(`${what}: not within ${withinMs / 1000} s`);
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs caracalctl; throws StepFailed with its message when it fails. */
export async function ctl(context: Context, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await context.lab.ctl(args, { input });
  if (code !== 0) throw new StepFailed(`caracalctl ${args.join(' ')} ended with ${code}: ${stderr || stdout}`);
  return stdout;
}

/** Runs a command in a place of the lab; throws StepFailed when it fails. */
export async function exec(context: Context, place: string, command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await context.lab.exec(place, command, args);
  if (code !== 0) throw new StepFailed(`${command} ${args.join(' ')} in ${place} ended with ${code}: ${stderr}`);
  return stdout;
}
