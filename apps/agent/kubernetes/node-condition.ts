/** What the Node object says of the network: the condition that kubelet and scheduler heed, and the taint that keeps pods away until then. */
import { type KubeApi, KubeError, type KubeObject } from '@caracal/kube';
import { z } from 'zod';

/** Nodes register with it (kubelet's `registerWithTaints`), or whoever adds nodes puts it on them. */
const notReadyTaint = 'node.caracal.network/not-ready';

const taint = z.looseObject({ key: z.string() });
const condition = z.looseObject({ type: z.string(), status: z.string(), reason: z.string().optional() });
const nodeSchema = z.object({
  spec: z.object({ taints: z.array(taint).nullish() }).nullish(),
  status: z.object({ conditions: z.array(condition).nullish() }).nullish(),
});

/** Conditions are merged by their type. */
const strategicMerge = 'application/strategic-merge-patch+json';

const readyReason = 'CaracalIsReady';

/** What of the Node is not as it should be when a pod can start. */
export function lacks(node: KubeObject): { readonly condition: boolean; readonly taint: boolean } {
  const { spec, status } = nodeSchema.parse(node);
  const found = status?.conditions?.find(({ type }) => type === 'NetworkUnavailable');
  return {
    condition: found?.status !== 'False' || found.reason !== readyReason,
    taint: spec?.taints?.some(({ key }) => key === notReadyTaint) ?? false,
  };
}

/** Says on the Node that pods can start; writes only what is not so. */
export async function declareReady(api: KubeApi, node: KubeObject, now: Date): Promise<void> {
  const path = `/api/v1/nodes/${node.metadata.name}`;
  const missing = lacks(node);
  if (missing.condition) {
    const at = now.toISOString();
    const ready = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: readyReason,
      message: 'Caracal can start pods on this node',
      lastHeartbeatTime: at,
      lastTransitionTime: at,
    };
    await api.request({
      method: 'PATCH',
      path: `${path}/status`,
      body: { status: { conditions: [ready] } },
      contentType: strategicMerge,
    });
  }
  if (missing.taint) await removeTaint(api, path, node);
}

/** Takes back what `declareReady` said; the taint is for whoever adds nodes. */
export async function undeclare(api: KubeApi, nodeName: string): Promise<void> {
  const conditions = [{ type: 'NetworkUnavailable', $patch: 'delete' }];
  const path = `/api/v1/nodes/${nodeName}/status`;
  await api.request({ method: 'PATCH', path, body: { status: { conditions } }, contentType: strategicMerge });
}

/** Taints are one list that others change too: the patch holds only for the list that was read. */
async function removeTaint(api: KubeApi, path: string, node: KubeObject): Promise<void> {
  const taints = nodeSchema.parse(node).spec?.taints ?? [];
  const body = [
    { op: 'test', path: '/spec/taints', value: taints },
    { op: 'replace', path: '/spec/taints', value: taints.filter(({ key }) => key !== notReadyTaint) },
  ];
  try {
    await api.request({ method: 'PATCH', path, body, contentType: 'application/json-patch+json' });
  } catch (error) {
    // The list has changed since: the watch brings the new one.
    if (!(error instanceof KubeError && error.code === 422)) throw error;
  }
}
