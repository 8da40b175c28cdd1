/**
 * The network whose gateway an address is, by the id under which agents report it, `gateway/NETWORK/BLOCK`; undefined for a container's,
 * which has no slash.
 */
export function gatewayOf(containerId: string): string | undefined {
  return /^gateway\/([^/]+)\//.exec(containerId)?.[1];
}

/** `NAMESPACE/NAME` of the Service that had an address, which stands in its history as `service/NAMESPACE/NAME`; undefined for a container's. */
export function serviceOf(containerId: string): string | undefined {
  return /^service\/(.+)$/.exec(containerId)?.[1];
}
