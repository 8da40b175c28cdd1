// What the operator's tests stand on: a real API server with the CRDs and the chart's rights, a real Postgres, and operators as processes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { factsOf, type Kind } from '@caracal/api';
import { type Datastore, migrate, openDatastore } from '@caracal/datastore';
import { type KubeApi, type KubeObject, kubeApi } from '@caracal/kube';
import { execa } from 'execa';
import pg from 'pg';
import { parseAllDocuments } from 'yaml';
import { kubeServer } from '../../operator/kube-server.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { binaryPath, ensureBinaries } from './build.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { certificate } from './credentials.ts';
import { type OperatorProcess, type OperatorSettings, operatorProcess } from './operator-process.ts';

const namespace = 'caracal-system';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export type OwnKind = Kind | 'CaracalStatus';

/** Where objects of a kind of ours are; those of namespaces in `default`. */
export function pathOf(kind: OwnKind): string {
  if (kind === 'CaracalStatus') return '/apis/caracal.network/v1/caracalstatuses';
  const { plural, namespaced } = factsOf(kind);
  return `/apis/caracal.network/v1/${namespaced ? 'namespaces/default/' : ''}${plural}`;
}

/** An object of a kind of ours, as `apply` takes it. */
export const ownObject = (kind: Kind, name: string, spec: object = {}) => ({
  apiVersion: 'caracal.network/v1',
  kind,
  metadata: { name },
  spec,
});

export interface OperatorWorld {
  readonly plane: ControlPlane;
  readonly postgres: Postgres;
  readonly datastore: Datastore;
  /** As the administrator. */
  readonly api: KubeApi;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** `kubectl apply` of all of them. */
  apply(objects: readonly object[]): Promise<string>;
  /** An object of a kind of ours, cluster-wide or in the namespace default. */
  get(kind: OwnKind, name: string): Promise<KubeObject>;
  /** A condition of such an object, with the object's generation; the other fields are absent when there is none. */
  condition(kind: OwnKind, name: string, type?: string): Promise<Partial<Condition> & { generation?: number }>;
  /** Names of the resources of a kind in Postgres. */
  storedNames(kind: string): Promise<string[]>;
  /** All resources that were ever deleted, as the history in Postgres tells, in order. */
  deletions(): Promise<{ kind: string; name: string; revision: bigint }[]>;
  /** Tries until it holds; the last failure is told, with the ends of the operators' logs. */
  eventually(check: () => Promise<void>, timeoutMs?: number): Promise<void>;
  /** An operator that runs with the chart's service account and no more; it is not started yet, and ended with the world. */
  operator(settings?: OperatorSettings): Promise<OperatorProcess>;
  stop(): Promise<void>;
}

export async function startOperatorWorld(): Promise<OperatorWorld> {
  await ensureBinaries(['helm']);
  const [plane, postgres] = await Promise.all([startControlPlane(), startPostgres()]);
  const processes: OperatorProcess[] = [];
  await migrate(postgres.url);
  const datastore = openDatastore(postgres.urlFor('caracal_hub'));
  const { kubectl } = plane;
  await kubectl(['apply', '--server-side', '-f', 'crds']);
  await kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
  await kubectl(['create', 'namespace', namespace]);
  await kubectl(['apply', '-f', '-'], await operatorRights());

  const api = kubeApi(kubeServer({ kubeconfig: plane.kubeconfig }), 'test');
  const get = async (kind: OwnKind, name: string) =>
    (await api.request({ method: 'GET', path: `${pathOf(kind)}/${name}` })) as KubeObject; // as the API has it
  const eventually = async (check: () => Promise<void>, timeoutMs = 150_000) => {
    for (const deadline = Date.now() + timeoutMs; ; await sleep(250)) {
      try {
        return await check();
      } catch (error) {
        if (Date.now() < deadline) continue;
        for (const each of processes) console.error(each.log().slice(-3000));
        throw error;
      }
    }
  };

  return {
    plane,
    postgres,
    datastore,
    api,
    kubectl,
    eventually,
    apply: (objects) =>
      kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })),
    get,
    async condition(kind, name, type = 'Ready') {
      const { metadata, status } = await get(kind, name);
      const { conditions } = (status ?? {}) as { conditions?: Condition[] }; // by the CRD's schema
      return { generation: metadata.generation, ...conditions?.find((each) => each.type === type) };
    },
    async storedNames(kind) {
      const { resources } = await datastore.listResources({ kinds: [kind] });
      return resources.map(({ name }) => name);
    },
    async deletions() {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      try {
        const { rows } = await client.query(
          "SELECT key[1] AS kind, key[3] AS name, revision FROM caracal.change WHERE item = 'resource' AND body IS NULL ORDER BY revision",
        );
        return rows.map((row) => ({ ...row, revision: BigInt(row.revision) }));
      } finally {
        await client.end();
      }
    },
    async operator(settings = {}) {
      const kubeconfig = await operatorKubeconfig(plane, settings.server ?? plane.url);
      const made = operatorProcess(plane.folder, kubeconfig, postgres.urlFor('caracal_hub'), settings);
      processes.push(made);
      return made;
    },
    async stop() {
      await Promise.all(processes.map((each) => each.kill()));
      await datastore.close();
      await Promise.all([plane.stop(), postgres.destroy()]);
    },
  };
}

/** Of the chart: the operator's account, its roles and their bindings. */
async function operatorRights(): Promise<string> {
  const args = ['template', 'caracal', 'helm', '--namespace', namespace, '--show-only', 'templates/operator.yaml'];
  const trial = ['--set', 'database.trial.enabled=true,database.trial.node=n1'];
  const { stdout } = await execa(binaryPath('helm'), [...args, ...trial]);
  return parseAllDocuments(stdout)
    .filter((document) => /^(ServiceAccount|(Cluster)?Role(Binding)?)$/.test(String(document.get('kind'))))
    .join('---\n');
}

/** The path of a kubeconfig with a token of the operator's service account. */
async function operatorKubeconfig(plane: ControlPlane, server: string): Promise<string> {
  const path = join(plane.folder, 'operator.kubeconfig');
  const token = await plane.kubectl(['create', 'token', 'caracal-operator', '-n', namespace, '--duration=2h']);
  const ca = await readFile(certificate(plane.folder, 'admin').ca, 'base64');
  const config = {
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': ca } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
