/** What the schema of a spec cannot say because it needs the name of the object, and what is accepted with a warning. */
import type { Complaint } from './explain-issue.ts';
import { defaultTier } from './kinds/tier.ts';
import type { AnyResource, ResourceOf } from './resource.ts';
import { parseSelector } from './selector/index.ts';

interface Findings {
  readonly complaints?: readonly Complaint[];
  readonly warnings?: readonly Complaint[];
}

/** Complaints and warnings about a resource whose spec is valid. */
export function localRules(resource: AnyResource): Findings {
  switch (resource.kind) {
    case 'BGPConfiguration':
      return { complaints: bgpConfigurationComplaints(resource) };
    case 'IPPool':
      return { complaints: poolComplaints(resource.spec.namespaceSelector) };
    case 'Tier':
      return { complaints: tierComplaints(resource.metadata.name, resource.spec) };
    case 'HostEndpoint':
      return { warnings: [{ field: '', message: 'is stored, but policies of host endpoints are not enforced yet' }] };
    default:
      return {};
  }
}

function bgpConfigurationComplaints({ metadata }: ResourceOf<'BGPConfiguration'>): Complaint[] {
  const complaints: Complaint[] = [];
  if (metadata.name !== 'default') {
    const message = `"${metadata.name}" is not default: there is one BGPConfiguration, and what differs by node is in NodeConfiguration`;
    complaints.push({ field: 'metadata.name', message });
  }
  return complaints;
}

function poolComplaints(namespaceSelector: string | undefined): Complaint[] {
  const parsed = parseSelector(namespaceSelector ?? '');
  if (parsed.ok && parsed.selector.op === 'all') return [];
  const message = 'is not supported yet: pods of all namespaces would get addresses of the pool';
  return [{ field: 'spec.namespaceSelector', message }];
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
