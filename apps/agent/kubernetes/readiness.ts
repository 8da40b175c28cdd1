import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi, KubeObject, ReflectorObserver } from '@caracal/kube';
import type { Logger } from 'pino';
import type { KubernetesConfig } from '../config.ts';
import { writeConflist } from './conflist.ts';
import { declareReady, lacks } from './node-condition.ts';

export interface ReadinessOptions {
  readonly api: KubeApi;
  readonly config: KubernetesConfig;
  readonly logger: Logger;
  /** Why no pod could start; empty when one could. */
  reasons(): readonly string[];
}

const lookEveryMs = 250;
const firstPauseMs = 500;
const longestPauseMs = 30_000;

/**
 * Tells runtime and cluster when pods can start: first the network configuration, then the condition, then the taint goes. Once said it is held:
 * a Node that was deleted and created again, or a condition that somebody changed, is told again. It is never taken back: an agent
 * that is away for a moment keeps the network of the pods, and ADD says what is wrong.
 */
export function createReadiness({ api, config, logger, reasons }: ReadinessOptions): {
  readonly observer: ReflectorObserver;
  run(signal: AbortSignal): Promise<void>;
  /** Files have changed: what was said is looked at again. */
  again(): void;
} {
  let node: KubeObject | undefined;
  let wake = () => {};

  async function untilReady(signal: AbortSignal): Promise<void> {
    let told = '';
    while (!signal.aborted) {
      const why = reasons().join('; ');
      if (why === '') return;
      if (why !== told) logger.info({ reason: why }, 'pods cannot start yet');
      told = why;
      await sleep(lookEveryMs, undefined, { signal }).catch(() => {});
    }
  }

  async function hold(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs;
    let told = '';
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const current = node;
      try {
        if (writeConflist(config))
          logger.info({ file: config.conflist }, 'network configuration written: pods can start');
        if (current) {
          const missing = lacks(current);
          await declareReady(api, current, new Date());
          if (missing.condition || missing.taint) logger.info(missing, 'said on the Node that pods can start');
        }
        pauseMs = firstPauseMs;
        told = '';
        await Promise.race([changed, aborted(signal)]);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (reason !== told) logger.warn({ reason }, 'the Node does not say that pods can start: trying again');
        told = reason;
        await sleep(pauseMs, undefined, { signal }).catch(() => {});
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
  }

  function put(object: KubeObject): void {
    node = object;
    const { condition, taint } = lacks(object);
    if (condition || taint) wake();
  }

  return {
    observer: {
      listed(objects) {
        node = undefined;
        for (const object of objects) put(object);
      },
      changed: put,
      deleted: () => {
        node = undefined;
      },
      lost: (error) => logger.warn({ reason: error.message }, 'the Node is not followed: trying again'),
    },
    again: () => wake(),
    async run(signal) {
      await untilReady(signal);
      if (!signal.aborted) await hold(signal);
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
