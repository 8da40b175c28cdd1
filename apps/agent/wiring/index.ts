export { createWiring, type Wiring } from './client.ts';
export { hostInterfaceName } from './interface-name.ts';
export { gatewayTexts, hostLengths } from './link-local.ts';
export { ownInterfaces } from './own-interfaces.ts';
export type { Bandwidth, OwnInterface, Sysctl, Wired, WireRequest, WiringFailure } from './types.ts';
