/** The one object that answers "is it working?": caracalstatuses/default. */
import type { KubeApi, KubeObject } from '@caracal/kube';
import type { Condition } from './conditions.ts';
import { applyPatch, fieldManager, type StatusTarget, type StatusWriter } from './writer.ts';

const path = '/apis/caracal.network/v1/caracalstatuses/default';

export class OwnStatus {
  readonly #api: KubeApi;
  readonly #writer: StatusWriter;
  readonly #target: StatusTarget = { path, object: () => this.#object };
  #object: KubeObject | undefined;

  constructor(api: KubeApi, writer: StatusWriter) {
    this.#api = api;
    this.#writer = writer;
  }

  /** Makes the object when there is none, sees what annotations it has, and has its status written. */
  async write(conditions: readonly Condition[], extra: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const body = { apiVersion: 'caracal.network/v1', kind: 'CaracalStatus', metadata: { name: 'default' } };
    const query = { fieldManager, force: 'true' };
    const request = { method: 'PATCH', path, query, body, contentType: applyPatch } as const;
    this.#object = (await this.#api.request(request)) as KubeObject; // as the API has it
    this.#writer.set(this.#target, { conditions, ...extra });
  }

  /** A list that somebody wrote into an annotation: names with commas between. */
  list(annotation: string): string[] {
    const text = this.#object?.metadata.annotations?.[annotation] ?? '';
    return text
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  }

  /** What was asked for is done: the annotation goes, unless somebody changed it meanwhile. */
  async done(annotation: string): Promise<void> {
    const { resourceVersion } = this.#object?.metadata ?? {};
    const body = { metadata: { resourceVersion, annotations: { [annotation]: null } } };
    await this.#api.request({ method: 'PATCH', path, body, contentType: 'application/merge-patch+json' });
  }
}
