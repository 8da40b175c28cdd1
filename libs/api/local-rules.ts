/** What the schema of a spec cannot say because it needs the name of the object, and what is accepted with a warning. */
import type { Complaint } from './explain-issue.ts';
import { defaultTier } from './kinds/tier.ts';
import type { AnyResource } from './resource.ts';

export function localRules(resource: AnyResource): {
  complaints: readonly Complaint[];
  warnings: readonly Complaint[];
} {
  switch (resource.kind) {
    case 'BGPConfiguration': {
      if (resource.metadata.name === 'default') break;
      const message = `"${resource.metadata.name}" is not default: there is one BGPConfiguration, and what differs by node is in NodeConfiguration`;
      return { complaints: [{ field: 'metadata.name', message }], warnings: [] };
    }
    case 'Tier':
      return { complaints: tierComplaints(resource.metadata.name, resource.spec), warnings: [] };
    case 'HostEndpoint':
      return {
        complaints: [],
        warnings: [{ field: '', message: 'is stored, but policies of host endpoints are not enforced yet' }],
      };
    default:
      break;
  }
  return { complaints: [], warnings: [] };
}

function tierComplaints(name: string, spec: { readonly order?: number; readonly defaultAction: string }): Complaint[] {
  if (name !== defaultTier.name) return [];
  const complaints: Complaint[] = [];
  if (spec.order !== undefined && spec.order !== defaultTier.order) {
    complaints.push({
      field: 'spec.order',
      message: `${spec.order} cannot be that of the tier default, which is ${defaultTier.order}; leave it out`,
    });
  }
  if (spec.defaultAction !== defaultTier.defaultAction) {
    complaints.push({
      field: 'spec.defaultAction',
      message: `${spec.defaultAction} cannot be that of the tier default, which is Deny`,
    });
  }
  return complaints;
}
