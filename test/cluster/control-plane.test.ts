// The API server that the operator's tests stand on is as strict as an installer's, and keeps what it acknowledged.
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { certificate, writeKubeconfig } from './credentials.ts';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await startControlPlane();
});
afterAll(() => plane?.stop());

it('answers nobody without credentials', async () => {
  const ca = await readFile(certificate(plane.folder, 'admin').ca);
  const status = await new Promise((resolve, reject) => {
    request(`${plane.url}/api/v1/namespaces`, { ca }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(401);
});

it('gives a client with a certificate no more rights than RBAC does', async () => {
  const subject = { name: 'nobody', commonName: 'nobody', organization: 'nobodies' };
  const kubeconfig = await writeKubeconfig(plane.folder, plane.url, subject);
  await expect(plane.kubectl(['get', 'secrets', '--kubeconfig', kubeconfig])).rejects.toThrow(/Forbidden/);
});

it('lets a node write its own Node alone', async () => {
  const node = (name: string) => JSON.stringify({ apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const subject = { name: 'kubelet-n1', commonName: 'system:node:n1', organization: 'system:nodes' };
  const kubeconfig = await writeKubeconfig(plane.folder, plane.url, subject);
  const create = ['create', '-f', '-', '--kubeconfig', kubeconfig];
  await expect(plane.kubectl(create, node('n2'))).rejects.toThrow(/node "n1" is not allowed to modify node "n2"/);
  await plane.kubectl(create, node('n1'));
});

it('keeps what it acknowledged through a SIGKILL of both processes', async () => {
  await plane.kubectl(['create', 'namespace', 'kept']);
  await plane.kill();
  await plane.start();
  expect(await plane.kubectl(['get', 'namespace', 'kept', '-o', 'name'])).toBe('namespace/kept');
});
