export { type CniServer, type CniServerOptions, startCniServer } from './server.ts';
