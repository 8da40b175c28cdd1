export { startCniServer } from './server.ts';
