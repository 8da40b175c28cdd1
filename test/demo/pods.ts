/** The demo's pods and the ports on which each of them answers. */
export const demoPods = [
  { namespace: 'shop', name: 'web', node: 'n1', labels: { app: 'web' } },
  { namespace: 'shop', name: 'api', node: 'n2', labels: { app: 'api' } },
  { namespace: 'shop', name: 'db', node: 'n3', labels: { app: 'db' } },
  { namespace: 'ops', name: 'monitor', node: 'n1', labels: { app: 'monitor', role: 'monitor' } },
  { namespace: 'ops', name: 'batch', node: 'n2', labels: { app: 'batch' } },
  { namespace: 'guest', name: 'visitor', node: 'n3', labels: { app: 'visitor' } },
] as const;

export const ports = { tcp: [8080, 5432, 9100], udp: [8080] };

/** Every flow that the kernel's verdict is compared on: each pair of pods, both directions, TCP and UDP. */
export const flowKinds = [
  { protocol: 'TCP', port: 8080 },
  { protocol: 'TCP', port: 5432 },
  { protocol: 'TCP', port: 9100 },
  { protocol: 'UDP', port: 8080 },
] as const;
