/**
 * The routing protocol numbers (rtm_protocol) of our routes. No routing daemon uses them: 186 to 189 and 192 belong to
 * FRR's BGP, IS-IS, OSPF, RIP and EIGRP in iproute2's rt_protos, and FRR takes 190 to 198 as well.
 */
export const routeProtocols = {
  /** What caracal-bgp learned: `caracal` in rt_protos.d. */
  bgp: 201,
  /** Routes to our own pods, and the blackholes of our own blocks: `caracal-pod`. */
  pod: 202,
} as const;

/** The file that names the numbers for `ip route`, to be placed in /etc/iproute2/rt_protos.d/. */
export const routeProtocolsFile = `${routeProtocols.bgp}\tcaracal\n${routeProtocols.pod}\tcaracal-pod\n`;
