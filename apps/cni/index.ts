export { buildStub } from './build.ts';
export { type CniInstallation, installCni } from './install.ts';
export { findForeign, findOwn } from './take-over.ts';
