/**
 * Keeps up with all objects of one kind: a list in pages, then a watch from the version that the list is of.
 *
 * What is told as a whole (`listed`) comes only from a list that ended, all its pages of one resourceVersion; a list that fails in the middle
 * tells nothing, so absence can be believed. A watch that ends is taken up where it stood; one whose version has expired (410) begins
 * with a new list. Everything else that goes wrong is tried again, with growing pauses.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, KubeError } from './api.ts';
import type { KubeObject } from './objects.ts';

export interface ReflectorObserver {
  /** Every object that there is. */
  listed(objects: readonly KubeObject[]): Promise<void> | void;
  changed(object: KubeObject): void;
  deleted(object: KubeObject): void;
  /** The API server cannot be asked, or ended the watch in an unusual way; it is tried again. */
  lost(error: Error): void;
}

export interface ReflectorOptions {
  readonly path: string;
  readonly pageSize?: number;
  readonly backoffMs?: { readonly first: number; readonly last: number };
  readonly random?: () => number;
}

interface List {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[];
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject & { readonly code?: number; readonly message?: string };
}

/** All objects at one version. Throws when any page fails: part of a list is no list. */
export async function listAll(
  api: KubeApi,
  path: string,
  signal: AbortSignal,
  pageSize = 500,
): Promise<{ objects: KubeObject[]; resourceVersion: string }> {
  const objects: KubeObject[] = [];
  let next: string | undefined;
  do {
    const query = { limit: String(pageSize), ...(next && { continue: next }) };
    const page = (await api.request({ method: 'GET', path, query, signal })) as List; // the API's own shape
    // Items of a list carry neither kind nor apiVersion; the list does.
    const type = { apiVersion: page.apiVersion, kind: page.kind.replace(/List$/, '') };
    for (const item of page.items) objects.push({ ...type, ...item });
    next = page.metadata.continue || undefined;
    if (!next) return { objects, resourceVersion: page.metadata.resourceVersion };
  } while (!signal.aborted);
  throw signal.reason;
}

/** Runs until the signal aborts; never rejects. */
export async function reflect(
  api: KubeApi,
  observer: ReflectorObserver,
  options: ReflectorOptions,
  signal: AbortSignal,
): Promise<void> {
  const { path, pageSize, backoffMs = { first: 200, last: 10_000 }, random = Math.random } = options;
  let version: string | undefined;
  let pause = backoffMs.first;
  while (!signal.aborted) {
    try {
      if (version === undefined) {
        const list = await listAll(api, path, signal, pageSize);
        await observer.listed(list.objects);
        version = list.resourceVersion;
      }
      const timeoutSeconds = String(Math.round(300 * (1 + random()))); // so that not all watches end at once
      for await (const event of api.watch(path, { resourceVersion: version, timeoutSeconds }, signal)) {
        const { type, object } = event as WatchEvent; // the API's own shape
        if (type === 'ERROR') throw new KubeError(object.code ?? 500, object.message ?? 'the watch failed');
        version = object.metadata.resourceVersion;
        pause = backoffMs.first;
        if (type === 'DELETED') observer.deleted(object);
        else if (type !== 'BOOKMARK') observer.changed(object);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof KubeError && error.code === 410) version = undefined;
      observer.lost(error instanceof Error ? error : new Error(String(error)));
      await sleep(pause * (0.5 + random()), undefined, { signal }).catch(() => {});
      pause = Math.min(pause * 2, backoffMs.last);
    }
  }
}
