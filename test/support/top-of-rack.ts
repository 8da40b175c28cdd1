/** BIRD as a top-of-rack router: what a lab and a cluster say to it, and what they read of it. */

export interface TopOfRack {
  readonly address: string;
  readonly asNumber: number;
  /** Its interface to the client's network, which it announces to the nodes. */
  readonly clientInterface: string;
  readonly families: readonly ('ipv4' | 'ipv6')[];
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly asNumber: number }[];
}

/**
 * The text of bird.conf (BIRD 2): an eBGP session to every node, named after it. It tells each node what the others announced and puts everything into
 * its kernel, so that the client behind it reaches pods.
 */
export function topOfRackConfiguration(router: TopOfRack): string {
  const forEachFamily = (line: (family: string) => string) => router.families.map(line).join('\n');
  const sessions = router.nodes.map(
    (node) => `protocol bgp ${node.name} from caracal_node { neighbor ${node.address} as ${node.asNumber}; }`,
  );
  return `log stderr all;
router id ${router.address};

protocol device {}

# The client's network is announced to the nodes.
protocol direct client_link {
${forEachFamily((family) => `  ${family};`)}
  interface "${router.clientInterface}";
}

# merge paths: a prefix with several next hops becomes one multipath route.
${forEachFamily(
  (family) => `protocol kernel {
  merge paths on;
  ${family} { import none; export where source = RTS_BGP; };
}
`,
)}
template bgp caracal_node {
  local ${router.address} as ${router.asNumber};
  direct;
  connect delay time 1;
  connect retry time 2;
  error wait time 1, 4;
${forEachFamily((family) => `  ${family} { import all; export where source = RTS_BGP || proto = "client_link"; };`)}
}

${sessions.join('\n')}
`;
}

/** Those of the nodes with which the session is Established, by what birdc answers to `show protocols`. */
export function establishedIn(protocols: string, nodes: readonly string[]): string[] {
  return nodes.filter((node) => new RegExp(`^${node}\\s+BGP\\s.*\\sEstablished`, 'm').test(protocols));
}
