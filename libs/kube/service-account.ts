/** A pod's own credentials: files that kubelet mounts, and replaces while the pod runs. */
import { readFileSync } from 'node:fs';
import type { KubeServer } from './api.ts';

export interface ServiceAccountOptions {
  /** Such as https://192.0.2.10:6443; several are tried in turn. By default what kubelet puts into the environment. */
  readonly apiServers?: readonly string[];
  readonly tokenFile?: string;
  readonly caFile?: string;
}

const mount = '/var/run/secrets/kubernetes.io/serviceaccount';
const serviceAccountFiles = { tokenFile: `${mount}/token`, caFile: `${mount}/ca.crt` } as const;

/** Reads a token from a file that is replaced as it rotates: ask for it at each use. Throws, naming the file, when there is none. */
export function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim();
  if (!token) throw new Error(`${path} is empty; it should hold a service-account token`);
  return token;
}

/** Throws when neither the options nor the environment name an API server. */
export function serviceAccount(options: ServiceAccountOptions, env: NodeJS.ProcessEnv = process.env): KubeServer {
  const servers = options.apiServers?.length ? options.apiServers : [serverOf(env)];
  const { tokenFile, caFile } = { ...serviceAccountFiles, ...definedOf(options) };
  let next = 0;
  return {
    connection: () => ({
      url: servers[next % servers.length]!,
      options: { ca: readFileSync(caFile), headers: { authorization: `Bearer ${readToken(tokenFile)}` } },
    }),
    unreachable: (url) => {
      // Several requests may fail at one time; they move on once.
      if (servers[next % servers.length] === url) next++;
    },
  };
}

function definedOf({ tokenFile, caFile }: ServiceAccountOptions): { tokenFile?: string; caFile?: string } {
  return { ...(tokenFile && { tokenFile }), ...(caFile && { caFile }) };
}

function serverOf(env: NodeJS.ProcessEnv): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host && port) return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  throw new Error('no API server: set apiServers, or run in a pod (KUBERNETES_SERVICE_HOST is not set)');
}
