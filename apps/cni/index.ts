export { buildStub } from './build.ts';
export { type CniInstallation, installCni } from './install.ts';
export { findForeign } from './take-over.ts';
