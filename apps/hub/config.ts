import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const absolutePath = z.string().regex(/^\//, 'must be an absolute path');
const listenAddress = z.union([
  z.strictObject({ host: z.string().min(1), port: z.number().int().min(0).max(65535) }),
  z.strictObject({ socket: absolutePath }),
]);

const schema = z.strictObject({
  /** Where agents and caracalctl connect: TCP ports, unix sockets, any number. */
  listen: z.array(listenAddress).min(1),
  /** PEM files: the authority of the clients' certificates, our certificate (DNS name `caracal-hub`) and its key. */
  tls: z.strictObject({
    ca: absolutePath,
    cert: absolutePath,
    key: absolutePath,
    /** Common names that make an administrator where a certificate has no organization: helm can make no other. */
    adminNames: z.array(z.string().min(1)).default([]),
  }),
  /** Where nodes enrol: we sign their certificates. Not in the mode kubernetes, where tokens of the API server are what they are known by. */
  enrolment: z
    .strictObject({
      /** The private key of the authority in `tls.ca`, PEM (PKCS 8). */
      caKey: absolutePath,
      /** How long a node's certificate is valid; it is renewed in the last third. */
      certificateDays: z.number().min(1).max(3650).default(90),
    })
    .optional(),
  /** A file with the database's URL; without it the environment has it in CARACAL_DATABASE_URL. */
  databaseUrlFile: absolutePath.optional(),
  /** The same for `migrate`, which needs a role that may create others; by default the database's URL. Or CARACAL_MIGRATION_DATABASE_URL. */
  migrationDatabaseUrlFile: absolutePath.optional(),
  /** standalone: there is no Kubernetes, and pods and nodes are known from the agents' reports alone. */
  mode: z.enum(['standalone', 'kubernetes']).default('standalone'),
  /** In the mode kubernetes nodes are known by their service-account tokens, which the API server reviews. */
  kubernetes: z
    .strictObject({
      /** URLs of the API server, tried in turn; by default what the pod's environment says. */
      apiServers: z.array(z.url()).optional(),
      /** Our own credentials; by default those that kubelet mounts. */
      tokenFile: absolutePath.optional(),
      caFile: absolutePath.optional(),
      audience: z.string().min(1).default('caracal-hub'),
      /** The agents' service account. */
      agent: z
        .string()
        .regex(/^[a-z0-9.-]+:[a-z0-9.-]+$/, 'must be NAMESPACE:NAME')
        .default('caracal-system:caracal-agent'),
      /** How long a review counts; never beyond the token's expiry. */
      cacheSeconds: z.number().min(0).max(300).default(30),
    })
    .prefault({}),
  /** Health and metrics. */
  ops: listenAddress.optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  feed: z
    .strictObject({
      /** Changes that come in a stream are gathered for so long. */
      /** How long changes are gathered while they keep coming: more of it the busier the hub is. */
      gatherMs: z
        .strictObject({ least: z.number().int().min(0).max(1000), most: z.number().int().min(0).max(1000) })
        .refine(({ least, most }) => least <= most, 'least is more than most')
        .default({ least: 20, most: 100 }),
      heartbeatMs: z.number().int().min(100).default(3000),
      /** A stream that takes nothing for so long is ended. */
      stallMs: z.number().int().min(1000).default(60_000),
      /** How long changes are kept, for readers that resume. */
      keepDays: z.number().min(0.01).default(1),
    })
    .prefault({}),
  /** Who had which address and block. */
  history: z.strictObject({ keepDays: z.number().min(1).default(30) }).prefault({}),
  ping: z
    .strictObject({
      intervalMs: z.number().int().min(100).default(5000),
      timeoutMs: z.number().int().min(100).default(5000),
    })
    .prefault({}),
  /** How long requests may finish after SIGTERM. */
  drainMs: z.number().int().min(0).default(5000),
});

export type HubConfig = z.infer<typeof schema>;

/** Throws an Error that names the field that is wrong. */
function parseHubConfig(value: unknown, name: string): HubConfig {
  const result = schema
    .refine(({ mode, enrolment }) => mode !== 'kubernetes' || !enrolment, 'enrolment is for the mode standalone')
    .safeParse(value ?? {});
  if (result.success) return result.data;
  throw new Error(`${name} is no hub configuration:\n${z.prettifyError(result.error)}`);
}

/** From a file in YAML (or JSON). */
export function readHubConfig(path: string): HubConfig {
  return parseHubConfig(parse(readFileSync(path, 'utf8')), path);
}

type DatabaseConfig = Pick<HubConfig, 'databaseUrlFile' | 'migrationDatabaseUrlFile'>;

/** The URL of the database for running; throws when there is none. */
export function databaseUrl(config: DatabaseConfig, env: NodeJS.ProcessEnv): string {
  const url = config.databaseUrlFile ? readFileSync(config.databaseUrlFile, 'utf8').trim() : env.CARACAL_DATABASE_URL;
  if (url) return url;
  throw new Error('no database: set databaseUrlFile in the configuration, or CARACAL_DATABASE_URL in the environment');
}

/** The URL of the database for migrations. */
export function migrationDatabaseUrl(config: DatabaseConfig, env: NodeJS.ProcessEnv): string {
  if (config.migrationDatabaseUrlFile) return readFileSync(config.migrationDatabaseUrlFile, 'utf8').trim();
  return env.CARACAL_MIGRATION_DATABASE_URL || databaseUrl(config, env);
}
