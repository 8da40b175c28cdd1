import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');

const schema = z.strictObject({
  /** A kubeconfig file; without it the pod's own service account. */
  kubeconfig: absolutePath.optional(),
  /** Without a kubeconfig: URLs of the API server, tried in turn; by default what the pod's environment says. */
  apiServers: z.array(z.url()).optional(),
  /** Where the Lease is. */
  namespace: z.string().min(1).default('caracal-system'),
  /** Of this replica, in the Lease; by default CARACAL_POD_NAME, or the host's name and the process id. */
  identity: z.string().min(1).optional(),
  /** A file with the database's URL; without it the environment has it in CARACAL_DATABASE_URL. */
  databaseUrlFile: absolutePath.optional(),
  /** Health and metrics. */
  ops: z
    .union([
      z.strictObject({ host: z.string().min(1), port: z.int().min(1).max(65535) }),
      z.strictObject({ socket: absolutePath }),
    ])
    .optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  lease: z
    .strictObject({
      /** Another replica takes over when the Lease has not been renewed for so long. */
      durationMs: z.int().min(1000).default(15_000),
      /** The leader steps down when it could not renew for so long. */
      renewDeadlineMs: z.int().min(500).default(10_000),
      retryMs: z.int().min(100).default(2000),
    })
    .refine((lease) => lease.renewDeadlineMs < lease.durationMs, 'renewDeadlineMs must be below durationMs')
    .prefault({}),
  loadBalancer: z
    .strictObject({
      /** Whether Services of type LoadBalancer that name no class get addresses; auto: as soon as an IPPool is for LoadBalancer. */
      servicesWithoutClass: z.enum(['auto', 'always', 'never']).default('auto'),
    })
    .prefault({}),
  /** At most so many writes of status a second. */
  statusWritesPerSecond: z.number().min(0.1).default(20),
  /** Objects in a page of a list. */
  listPageSize: z.int().min(1).default(500),
  /** How often usage of pools, sessions of peers and the status object are looked at. */
  surveyMs: z.int().min(100).default(10_000),
});

export type OperatorConfig = z.infer<typeof schema>;

/** From a file in YAML (or JSON). Throws an Error that names the field that is wrong. */
export function readOperatorConfig(path: string): OperatorConfig {
  const result = schema.safeParse(parse(readFileSync(path, 'utf8')) ?? {});
  if (result.success) return result.data;
  throw new Error(`${path} is no operator configuration:\n${z.prettifyError(result.error)}`);
}

/** Throws when there is none. */
export function databaseUrl(config: OperatorConfig, env: NodeJS.ProcessEnv): string {
  const url = config.databaseUrlFile ? readFileSync(config.databaseUrlFile, 'utf8').trim() : env.CARACAL_DATABASE_URL;
  if (url) return url;
  throw new Error('no database: set databaseUrlFile in the configuration, or CARACAL_DATABASE_URL in the environment');
}
