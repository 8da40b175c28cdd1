// The cluster's shape: names, addresses and paths that every part of it agrees on.
import { join } from 'node:path';
import { cacheFolder } from './build.ts';

/** State of the one cluster of this machine: credentials, data, logs, the nodes' folders. */
export const stateFolder = '/var/lib/caracal-cluster';
export const controlPlaneNamespace = 'caracal-cp';
export const controlPlaneAddress = '172.31.0.1';
export const apiServer = `https://${controlPlaneAddress}:6443`;
/** On this machine's loopback, carried into the control plane's namespace. */
export const publicPort = 16443;
export const podCidr = '10.244.0.0/16';
export const pauseImage = 'localhost/pause:1';
export const supportArchive = join(cacheFolder, 'images', 'support-2.tar');

export interface Node {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
}

export const node = (index: number): Node => ({
  name: `n${index}`,
  namespace: `caracal-n${index}`,
  address: `172.31.0.${10 + index}`,
});

export const namespacePath = (namespace: string): string => `/var/run/netns/${namespace}`;
