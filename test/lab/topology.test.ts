import { describe, expect, it } from 'vitest';
import { createTopology, infrastructureNetns, podNetns, shapeProblem } from './topology.ts';

describe('topology', () => {
  const topology = createTopology({ name: 'lab', nodes: 3, tor: 'bird' });

  it('derives everything from name and number of nodes', () => {
    expect(createTopology({ name: 'lab', nodes: 3, tor: 'bird' })).toEqual(topology);
    expect(infrastructureNetns(topology)).toEqual(
      ['tor', 'client', 'hub', 'n1', 'n2', 'n3'].map((role) => `/run/netns/lab-${role}`),
    );
    expect(topology.nodeList.map(({ asNumber }) => asNumber)).toEqual([64513, 64514, 64515]);
    expect(new Set(topology.nodeList.map(({ address }) => address)).size).toBe(3);
  });

  it('gives labs of different names different namespaces, sockets and folders', () => {
    const other = createTopology({ name: 'other', nodes: 3, tor: 'bird' });
    const paths = (of: typeof topology) => [of.folder, of.hub.socket, ...infrastructureNetns(of)];
    expect(paths(topology).filter((path) => paths(other).includes(path))).toEqual([]);
    expect(other.underlay).not.toEqual(topology.underlay);
  });

  it('names no pod of one lab as another pod, or as a part of another lab', () => {
    expect(podNetns('lab', 'a-b', 'c')).not.toBe(podNetns('lab', 'a', 'b-c'));
    expect(infrastructureNetns(createTopology({ name: 'lab-p-default', nodes: 1, tor: 'bird' }))).not.toContain(
      podNetns('lab', 'default', 'tor'),
    );
  });

  it('puts the nodes of a mesh into one AS', () => {
    const mesh = createTopology({ name: 'lab', nodes: 2, tor: 'none' });
    expect(mesh.nodeList.map(({ asNumber }) => asNumber)).toEqual([64512, 64512]);
  });

  it.each([
    [{ name: 'Lab', nodes: 3 }, 'lab name "Lab": not 1 to 32 lower-case letters, digits and inner hyphens'],
    [{ name: '../x', nodes: 3 }, 'lab name "../x": not 1 to 32 lower-case letters, digits and inner hyphens'],
    [
      { name: 'a'.repeat(33), nodes: 3 },
      `lab name "${'a'.repeat(33)}": not 1 to 32 lower-case letters, digits and inner hyphens`,
    ],
    [{ name: 'lab', nodes: 0 }, 'lab lab: 0 nodes, not between 1 and 200'],
    [{ name: 'lab', nodes: 1.5 }, 'lab lab: 1.5 nodes, not between 1 and 200'],
    [{ name: 'lab', nodes: 200 }, undefined],
    [{ name: 'a'.repeat(32), nodes: 1 }, undefined],
  ])('judges %j', (shape, problem) => {
    expect(shapeProblem({ ...shape, tor: 'bird' })).toBe(problem);
  });

  it('keeps socket paths below the 107 bytes of a unix socket, for the longest name', () => {
    const longest = createTopology({ name: 'a'.repeat(32), nodes: 200, tor: 'bird' });
    const sockets = [
      longest.hub.socket,
      longest.router.birdcSocket,
      `${longest.database.socketDirectory}/.s.PGSQL.5432`,
      ...longest.nodeList.flatMap((node) => [node.socket, node.bgpSocket]),
    ];
    for (const socket of sockets) expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(107);
  });
});
