/** What the demo, the lab and the tests need from the operating system, and the Debian package that brings it. */
export interface Requirement {
  readonly binary: string;
  readonly debianPackage: string;
  readonly reason: string;
}

export const requirements: readonly Requirement[] = [
  { binary: 'ip', debianPackage: 'iproute2', reason: 'network namespaces of the lab' },
  { binary: 'nsenter', debianPackage: 'util-linux', reason: 'starting processes in a namespace' },
  { binary: 'iptables-nft-restore', debianPackage: 'iptables', reason: 'the dataplane' },
  { binary: 'ipset', debianPackage: 'ipset', reason: 'the dataplane' },
  { binary: 'conntrack', debianPackage: 'conntrack', reason: 'looking at established flows' },
  { binary: 'bird', debianPackage: 'bird2', reason: 'the top-of-rack router' },
  { binary: 'ping', debianPackage: 'iputils-ping', reason: 'measuring packet loss' },
  { binary: 'tcpdump', debianPackage: 'tcpdump', reason: 'looking at what crosses the router' },
  { binary: 'gcc', debianPackage: 'gcc', reason: 'compiling the CNI executable' },
  { binary: 'musl-gcc', debianPackage: 'musl-tools', reason: 'compiling the CNI executable' },
  { binary: '/usr/lib/cni/ptp', debianPackage: 'containernetworking-plugins', reason: 'the CNI benchmark' },
  { binary: 'stdbuf', debianPackage: 'coreutils', reason: 'the ipset writer' },
];
