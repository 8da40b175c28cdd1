/**
 * Writes the status of objects: what is wanted is set as often as anybody likes, and reaches the API server by server-side apply, at a
 * bounded rate, and only when it says something new.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, KubeError, type KubeObject } from '@caracal/kube';
import { WorkQueue } from '../queue.ts';
import { type Condition, says, stamp } from './conditions.ts';

export const fieldManager = 'caracal-operator';
/** JSON is YAML. */
export const applyPatch = 'application/apply-patch+yaml';

export interface WantedStatus {
  readonly conditions: readonly Condition[];
  readonly [field: string]: unknown;
}

export interface StatusTarget {
  /** Of the object, without `/status`. */
  readonly path: string;
  /** The object as it was last seen; undefined when it is gone. */
  readonly object: () => KubeObject | undefined;
}

export interface StatusWriterOptions {
  readonly writesPerSecond: number;
  /** Between two writes; by default a timer. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onWritten?: () => void;
  readonly onError: (path: string, error: Error) => void;
}

const timer = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { signal }).catch(() => {});

export class StatusWriter {
  readonly #api: KubeApi;
  readonly #options: StatusWriterOptions;
  readonly #queue = new WorkQueue();
  readonly #wanted = new Map<string, { target: StatusTarget; status: WantedStatus }>();

  constructor(api: KubeApi, options: StatusWriterOptions) {
    this.#api = api;
    this.#options = options;
  }

  set(target: StatusTarget, status: WantedStatus): void {
    this.#wanted.set(target.path, { target, status });
    this.#queue.add(target.path);
  }

  /** The status that was set last; a part of it can be kept that way. */
  wanted(path: string): WantedStatus | undefined {
    return this.#wanted.get(path)?.status;
  }

  /** The object changed: if its status is not what was set last, it is written again. */
  look(path: string): void {
    if (this.#wanted.has(path)) this.#queue.add(path);
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { writesPerSecond, pause = timer } = this.#options;
    while (!signal.aborted) {
      await this.#queue.wait(signal);
      for (const path of this.#queue.take(1)) {
        if (await this.#write(path, signal)) await pause(1000 / writesPerSecond, signal);
      }
    }
  }

  async #write(path: string, signal: AbortSignal): Promise<boolean> {
    const entry = this.#wanted.get(path);
    const object = entry?.target.object();
    if (!entry) return false;
    if (!object) {
      this.#wanted.delete(path);
      return false;
    }
    const conditions = stamp(entry.status.conditions, object.status, `${new Date().toISOString().slice(0, 19)}Z`);
    const status = { ...entry.status, conditions };
    if (says(object.status, status)) return false;
    const { name, namespace, uid } = object.metadata;
    const body = { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, namespace, uid }, status };
    try {
      const query = { fieldManager, force: 'true' };
      await this.#api.request({
        method: 'PATCH',
        path: `${path}/status`,
        query,
        body,
        contentType: applyPatch,
        signal,
      });
      this.#queue.succeeded(path);
      this.#options.onWritten?.();
    } catch (error) {
      // Gone, or another object of the same name by now: whoever sees that one sets its status.
      if (error instanceof KubeError && (error.code === 404 || error.code === 409)) return true;
      if (signal.aborted) return false;
      this.#options.onError(path, error instanceof Error ? error : new Error(String(error)));
      this.#queue.failed(path);
    }
    return true;
  }
}
