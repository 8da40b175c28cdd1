/** What the demo, the lab and the tests need from the operating system, and the Debian package that brings it. */
export interface Requirement {
  /** A program on the PATH, or the absolute path of a file. */
  readonly file: string;
  readonly debianPackage: string;
  readonly reason: string;
}

export const requirements: readonly Requirement[] = [
  { file: 'ip', debianPackage: 'iproute2', reason: 'network namespaces of the lab' },
  { file: 'nsenter', debianPackage: 'util-linux', reason: 'starting processes in a namespace' },
  { file: 'iptables-nft-restore', debianPackage: 'iptables', reason: 'the dataplane' },
  { file: 'ipset', debianPackage: 'ipset', reason: 'the dataplane' },
  { file: 'conntrack', debianPackage: 'conntrack', reason: 'looking at flows in tests' },
  { file: 'bird', debianPackage: 'bird2', reason: 'the top-of-rack router' },
  { file: '/usr/lib/frr/bgpd', debianPackage: 'frr', reason: 'a router that tests speak with' },
  { file: 'gobgpd', debianPackage: 'gobgpd', reason: 'a router that tests speak with' },
  { file: 'ping', debianPackage: 'iputils-ping', reason: 'measuring packet loss' },
  { file: 'tcpdump', debianPackage: 'tcpdump', reason: 'looking at what crosses the router' },
  { file: 'gcc', debianPackage: 'gcc', reason: 'compiling the CNI executable' },
  { file: '/usr/include/stdio.h', debianPackage: 'libc6-dev', reason: 'holding our layouts against the C headers' },
  { file: '/usr/include/linux/if.h', debianPackage: 'linux-libc-dev', reason: 'the same for the kernel headers' },
  { file: 'musl-gcc', debianPackage: 'musl-tools', reason: 'compiling the CNI executable' },
  { file: '/usr/lib/cni/ptp', debianPackage: 'containernetworking-plugins', reason: 'the CNI benchmark' },
  { file: 'containerd', debianPackage: 'containerd', reason: 'the container runtime of tests' },
  { file: 'runc', debianPackage: 'runc', reason: 'the container runtime of tests' },
  { file: 'sysctl', debianPackage: 'procps', reason: 'settings of namespaces in tests' },
  { file: 'ss', debianPackage: 'iproute2', reason: 'finding who speaks BGP in tests' },
  { file: 'stdbuf', debianPackage: 'coreutils', reason: 'the ipset writer' },
  {
    file: '/usr/lib/postgresql/15/bin/postgres',
    debianPackage: 'postgresql-15',
    reason: 'the oldest Postgres that is supported, with a standby; backups',
  },
];

/** What the Kubernetes cluster of the tests needs besides (and Go, which Debian has too old). */
export const clusterRequirements: readonly Requirement[] = [
  { file: 'buildah', debianPackage: 'buildah', reason: 'building the image' },
  { file: 'debootstrap', debianPackage: 'debootstrap', reason: "making the image's base" },
];
