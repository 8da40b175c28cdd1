import { type Kind, parseResource, type ResourceOf } from '@caracal/api';
import type { Resource } from '@caracal/protocol';
import type { Logger } from 'pino';

/** The kinds that the agent itself reads; policy's kinds go to the compiler as they are. */
const configurationKinds = [
  'IPPool',
  'IPReservation',
  'BGPConfiguration',
  'BGPPeer',
  'BGPFilter',
  'NodeConfiguration',
  'Node',
  'Service',
  'EndpointSlice',
] as const;

type ConfigurationKind = (typeof configurationKinds)[number];

export function isConfigurationKind(kind: string): kind is ConfigurationKind {
  return (configurationKinds as readonly string[]).includes(kind);
}

/** The configuration objects as typed values, each parsed once when it changes. */
export class Configuration {
  readonly #objects = new Map<Kind, Map<string, ResourceOf<Kind>>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Reads a resource of the feed; what is returned puts it in. One that does not validate is named in the log and counts as absent. */
  read(resource: Resource, spec: unknown): () => void {
    const { kind, name, namespace } = resource;
    if (!isConfigurationKind(kind)) return () => {};
    const key = keyOf(namespace, name);
    const parsed = parseResource({
      apiVersion: resource.apiVersion,
      kind,
      metadata: { name, namespace: namespace || undefined, labels: resource.labels, annotations: resource.annotations },
      spec,
    });
    if (parsed.ok) return () => this.#kind(kind).set(key, parsed.resource);
    this.#logger.error({ problems: parsed.problems }, `${kind}/${key} from the hub is ignored`);
    return () => this.#kind(kind).delete(key);
  }

  remove(kind: string, namespace: string, name: string): void {
    if (isConfigurationKind(kind)) this.#kind(kind).delete(keyOf(namespace, name));
  }

  /** One without a namespace. */
  get<K extends ConfigurationKind>(kind: K, name: string): ResourceOf<K> | undefined {
    // Each kind's map holds resources of that kind alone: put() files them by it.
    return this.#kind(kind).get(name) as ResourceOf<K> | undefined;
  }

  /** All of a kind, by namespace and name. */
  all<K extends ConfigurationKind>(kind: K): Array<ResourceOf<K>> {
    const sorted = [...this.#kind(kind).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    // As in get().
    return sorted.map(([, resource]) => resource as ResourceOf<K>);
  }

  #kind(kind: Kind): Map<string, ResourceOf<Kind>> {
    let objects = this.#objects.get(kind);
    if (!objects) {
      objects = new Map();
      this.#objects.set(kind, objects);
    }
    return objects;
  }
}

function keyOf(namespace: string, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}
