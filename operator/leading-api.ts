/** The API server as a leader may use it. */
import type { KubeApi } from '@caracal/kube';

/**
 * What would change anything is refused once the Lease may be another's: a process that was stopped for a while and goes on does not know yet, and
 * no epoch fences the API server as it does Postgres.
 */
export function leadingApi(api: KubeApi, held: () => boolean): KubeApi {
  return {
    async request(request) {
      if (request.method !== 'GET' && !held())
        throw new Error(`${request.method} ${request.path}: not sent, the lease may be another's by now`);
      return api.request(request);
    },
    watch: (path, query, signal) => api.watch(path, query, signal),
  };
}
