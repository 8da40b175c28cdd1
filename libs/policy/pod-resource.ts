import type { ResourceOf } from '@caracal/api';
import type { NamedPort, Pod } from './updates.ts';

/** What policy reads of a Pod resource. */
export function podOfResource({ metadata, spec }: ResourceOf<'Pod'>): Pod {
  const { name, namespace = '', uid = '', labels } = metadata;
  return {
    key: `${namespace}/${name}`,
    uid,
    namespace,
    labels,
    serviceAccount: spec.serviceAccountName,
    ports: spec.ports.flatMap(({ name: portName, protocol, containerPort }): NamedPort[] =>
      portName ? [{ name: portName, protocol, port: containerPort }] : [],
    ),
  };
}
