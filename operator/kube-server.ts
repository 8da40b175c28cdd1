import { type KubeServer, serviceAccount } from '@caracal/kube';
import { KubeConfig } from '@kubernetes/client-node';

/** From a kubeconfig, which may name any way to log in; without one the pod's own service account. */
export function kubeServer({
  kubeconfig,
  apiServers,
}: {
  readonly kubeconfig?: string;
  readonly apiServers?: readonly string[];
}): KubeServer {
  if (!kubeconfig) return serviceAccount({ apiServers });
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return {
    connection: async () => {
      const cluster = config.getCurrentCluster();
      if (!cluster) throw new Error(`${kubeconfig} names no cluster`);
      const options = { headers: {} };
      await config.applyToHTTPSOptions(options);
      return { url: cluster.server, options };
    },
  };
}
