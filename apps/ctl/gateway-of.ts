/**
 * The network whose gateway an address is, by the id under which agents report it, `gateway/NETWORK/BLOCK`; undefined for a container's,
 * which has no slash.
 */
export function gatewayOf(containerId: string): string | undefined {
  return /^gateway\/([^/]+)\//.exec(containerId)?.[1];
}
