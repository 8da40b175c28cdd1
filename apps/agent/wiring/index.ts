export { createWiring, type Wiring } from './client.ts';
export { hostInterfaceName } from './interface-name.ts';
export type { Wired, WireRequest, WiringFailure } from './types.ts';
