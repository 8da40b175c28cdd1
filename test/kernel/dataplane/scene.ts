import { createDataplane, type Dataplane, type DataplaneOptions } from '@caracal/dataplane';
import type { CompiledEndpoint, EndpointTier, Rule, SetDefinition } from '@caracal/policy';
import { systemProcesses } from 'iptables-wrapper';
import type { TestNode, TestPod } from './pod-network.ts';

export function rule(fields: Partial<Rule> = {}): Rule {
  return { action: 'Allow', source: {}, destination: {}, index: 0, ...fields };
}

export function port(...ports: number[]): { first: number; last: number }[] {
  return ports.map((each) => ({ first: each, last: each }));
}

export function set(id: string, added: readonly string[], type: SetDefinition['type'] = 'net') {
  return { definition: { id, type, family: 4 as const }, added, removed: [] };
}

export function tier(
  policies: readonly string[],
  defaultAction: 'Deny' | 'Pass' = 'Deny',
  name = 'default',
): EndpointTier {
  return { name, policies, defaultAction };
}

export function endpointOf(pod: TestPod, fields: Partial<CompiledEndpoint> = {}): CompiledEndpoint {
  const { interfaceName, address } = pod;
  return { id: `${interfaceName}/eth0`, interfaceName, addresses: [address], ingress: [], egress: [], ...fields };
}

/** What a dataplane said that it had to warn about. */
export interface Said {
  readonly warnings: string[];
  readonly errors: string[];
}

/** A dataplane for a test's node; its commands run inside. */
export function dataplaneIn(node: TestNode, options: Partial<DataplaneOptions> = {}): Dataplane & { said: Said } {
  const said: Said = { warnings: [], errors: [] };
  const logger = {
    info: () => {},
    warn: (_: object, message: string) => void said.warnings.push(message),
    error: (_: object, message: string) => void said.errors.push(message),
  };
  const processes = systemProcesses(['nsenter', `--net=${node.netns.path}`]);
  const dataplane = createDataplane({ logger, processes, directSets: node.directSets, ...options });
  return Object.assign(Object.create(dataplane, Object.getOwnPropertyDescriptors(dataplane)), { said });
}
