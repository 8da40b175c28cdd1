/**
 * Nodes that are gone. Their blocks are taken back only when somebody knows that the machine is off: it had the taint `out-of-service` when its Node
 * was deleted, or `caracalctl ipam release --node` says so. A Node that merely vanished may run on, with pods on its addresses.
 */
import type { KubeObject } from '@caracal/kube';

/** https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-out-of-service */
const outOfServiceTaint = 'node.kubernetes.io/out-of-service';

/** Whether a Node says that its machine is off. */
export function isOutOfService(node: KubeObject): boolean {
  const { taints } = (node.spec ?? {}) as { taints?: readonly { key: string }[] }; // the API's own shape
  return taints?.some(({ key }) => key === outOfServiceTaint) ?? false;
}

/** Which nodes are known to be off, by the uid of the Node that said so; survives a restart as a field of what is stored of a Node. */
export class OutOfService {
  readonly #uids: Map<string, string>;

  constructor(
    stored: readonly { readonly kind: string; readonly name: string; readonly uid: string; readonly spec: unknown }[],
  ) {
    const off = stored.filter(({ kind, spec }) => kind === 'Node' && (spec as { outOfService?: boolean }).outOfService);
    this.#uids = new Map(off.map(({ name, uid }) => [name, uid]));
  }

  /** The Node as it is now; another of its name that says nothing does not speak for the one before. */
  seen(node: KubeObject): void {
    if (isOutOfService(node)) this.#uids.set(node.metadata.name, node.metadata.uid);
    else this.#uids.delete(node.metadata.name);
  }

  has(name: string): boolean {
    return this.#uids.has(name);
  }

  forget(name: string): void {
    this.#uids.delete(name);
  }
}

export interface GoneNode {
  readonly node: string;
  readonly blocks: number;
  /** Some of them. */
  readonly examples: readonly string[];
}

/** One line on each of the nodes that the API server does not have and that own blocks. */
export function goneNodesText(gone: readonly GoneNode[]): string {
  const lines = gone.slice(0, 5).map(({ node, blocks, examples }) => {
    const more = blocks > examples.length ? `, ${blocks - examples.length} more` : '';
    return `${node} owns ${examples.join(', ')}${more}`;
  });
  return [...lines, ...(gone.length > 5 ? [`${gone.length - 5} nodes more`] : [])].join('; ');
}
