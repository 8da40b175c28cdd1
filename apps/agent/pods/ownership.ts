import { ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import { type AssertOutcome, type AssertParts, assertBlocks } from './assert-blocks.ts';

const retryMs = 3_000;
const everyMs = 60_000;

export interface OwnershipOptions extends AssertParts {
  readonly logger: Logger;
  /** The hub knows this node as the owner of its blocks: what it refused to grant before, it may grant now. After each time. */
  onAsserted(): void;
  /** A hub has answered, whatever it said: what is not ours is known. */
  onAnswered(): void;
  /** Blocks have come or gone. */
  onBlocks(): void;
  /** Nobody else owns any more what this node holds: what it told of pods in there was not believed. */
  onUndisputed(): void;
}

/** Who owns what, between this node and the hub: said when it reaches one, when something changed, and once a minute. */
export interface Ownership {
  /** A hub has been reached, or its feed says something that may concern our blocks. */
  assert(): void;
  stop(): void;
}

export function createOwnership(options: OwnershipOptions): Ownership {
  const { ipam, logger } = options;
  let stopped = false;
  let due: NodeJS.Timeout | undefined;
  let told = '';
  let disputed = false;

  function assertIn(ms: number): void {
    if (stopped) return;
    clearTimeout(due);
    due = setTimeout(() => void ipam.whileNoClaim(round), ms).unref();
  }

  async function round(): Promise<void> {
    if (stopped) return;
    try {
      assertIn(take(await assertBlocks(options)));
    } catch (error) {
      logger.debug({ reason: ConnectError.from(error).rawMessage }, 'no hub could be told what this node owns');
      assertIn(retryMs);
    }
  }

  /** Answers with the time until the next. */
  function take(outcome: AssertOutcome): number {
    options.onAnswered();
    if (outcome.kind !== 'asserted') {
      const { kind, reason } = outcome;
      once(reason, () => logger.error({ incarnation: ipam.incarnation, reason }, 'this node gives out no address'));
      return kind === 'fenced' ? everyMs : retryMs;
    }
    options.onAsserted();
    const { answer, came, went } = outcome;
    const { conflicts, stranded } = answer;
    if (went.length > 0) logger.info({ blocks: went }, 'blocks given up');
    if (came.length > 0)
      logger.error({ blocks: came }, 'the hub has pods in blocks that the journal lacks: they are kept');
    if (came.length + went.length > 0) options.onBlocks();
    once(JSON.stringify([conflicts, stranded]), () => {
      for (const { cidr, node } of conflicts)
        logger.error({ block: cidr, owner: node }, 'another node owns this block too: nothing more is given out of it');
      for (const { cidr } of stranded)
        logger.warn({ block: cidr }, 'an earlier incarnation of this node owns this block');
    });
    if (disputed && conflicts.length === 0) options.onUndisputed();
    disputed = conflicts.length > 0;
    // While another owns what we hold nothing is settled: it may give it up.
    return conflicts.length > 0 ? retryMs : everyMs;
  }

  function once(what: string, say: () => void): void {
    if (what !== told) say();
    told = what;
  }

  return {
    assert: () => assertIn(0),
    stop() {
      stopped = true;
      clearTimeout(due);
    },
  };
}
