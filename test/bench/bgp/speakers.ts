import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execaSync } from 'execa';

/** An external peer, which connects to the speaker. */
export interface PeerOfSpeaker {
  readonly address: string;
  readonly asNumber: number;
}

/** Speakers for the BGP benchmark: AS 65001, external peers, nothing filtered. */
export interface SpeakerUnderTest {
  readonly name: string;
  /** Left out when it is not there. */
  readonly program: string;
  readonly fileName: string;
  config(peers: readonly PeerOfSpeaker[]): string;
  /** The command that runs in the foreground, for the configuration's file and a folder to write to. */
  command(file: string, folder: string): [string, ...string[]];
}

/** The address in 10.98.0.0/16 of one of many neighbours. */
export const manyAddress = (index: number) => `10.98.${(index + 2) >> 8}.${(index + 2) & 255}`;
export const manyAs = (index: number) => 64_600 + index;

const each = (peers: readonly PeerOfSpeaker[], text: (peer: PeerOfSpeaker, index: number) => string) =>
  peers.map(text).join('');

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Where `compileCaracal` puts JavaScript: npm packages are found from there, and no tool looks at it. */
const compiled = join(root, 'node_modules', '.cache', 'bench-bgp');

/** Compiles the sources as the image holds them: stripping types at run time costs memory. */
export function compileCaracal(): void {
  execaSync(process.execPath, [join(root, 'scripts/compile.ts'), compiled], { cwd: root, preferLocal: true });
}

const caracalConfig = (peers: readonly PeerOfSpeaker[]) => `apiVersion: caracal.network/v1
kind: BGPConfiguration
metadata: {name: default}
spec: {asNumber: 65001, nodeToNodeMeshEnabled: false}
---
apiVersion: caracal.network/v1
kind: BGPFilter
metadata: {name: all}
spec: {importV4: [{action: Accept}], exportV4: [{action: Accept}], importV6: [{action: Accept}], exportV6: [{action: Accept}]}
${each(
  peers,
  ({ address, asNumber }, index) => `---
apiVersion: caracal.network/v1
kind: BGPPeer
metadata: {name: peer${index}}
spec: {peerIP: ${address}, asNumber: ${asNumber}, filters: [all], passive: true}
`,
)}`;

const caracal = (name: string, main: string): SpeakerUnderTest => ({
  name,
  program: process.execPath,
  fileName: 'bgp.yaml',
  config: caracalConfig,
  // With CARACAL_BENCH_NODE_OPTIONS a profile can be taken: --cpu-prof --cpu-prof-dir=FOLDER.
  command: (file, folder) => [
    // As `caracal-bgp` and the image do.
    '/usr/bin/env',
    'MALLOC_ARENA_MAX=1',
    process.execPath,
    '--max-semi-space-size=1',
    ...(process.env.CARACAL_BENCH_NODE_OPTIONS ?? '').split(' ').filter(Boolean),
    main,
    'run',
    '--config',
    file,
    '--router-id',
    '10.99.1.1',
    '--socket',
    `${folder}/run/bgp.sock`,
  ],
});

const bird: SpeakerUnderTest = {
  name: 'BIRD',
  program: '/usr/sbin/bird',
  fileName: 'bird.conf',
  config: (peers) => `router id 10.99.1.1;
protocol device {}
${each(peers, ({ address, asNumber }, index) => `protocol bgp peer${index} { local as 65001; neighbor ${address} as ${asNumber}; passive; ipv4 { import all; export all; }; }\n`)}`,
  command: (file, folder) => ['/usr/sbin/bird', '-f', '-c', file, '-s', `${folder}/ctl`],
};

const frr: SpeakerUnderTest = {
  name: 'FRR',
  program: '/usr/lib/frr/bgpd',
  fileName: 'bgpd.conf',
  config: (peers) => `router bgp 65001
 bgp router-id 10.99.1.1
 no bgp ebgp-requires-policy
${each(
  peers,
  ({ address, asNumber }) => ` neighbor ${address} remote-as ${asNumber}
 neighbor ${address} timers 60 240
 neighbor ${address} advertisement-interval 0
`,
)} address-family ipv4 unicast
${each(peers, ({ address }) => `  neighbor ${address} activate\n`)}`,
  command: (file, folder) => {
    const flags = ['-n', '-S', '-i', `${folder}/pid`, '-z', `${folder}/zebra`, '-A', '127.0.0.1'];
    return ['/usr/lib/frr/bgpd', '-f', file, ...flags, '-u', 'root', '-g', 'root', '--vty_socket', folder];
  },
};

const gobgp: SpeakerUnderTest = {
  name: 'GoBGP',
  program: '/usr/bin/gobgpd',
  fileName: 'gobgp.toml',
  config: (peers) => `[global.config]
as = 65001
router-id = "10.99.1.1"
${each(
  peers,
  ({ address, asNumber }) => `[[neighbors]]
[neighbors.config]
neighbor-address = "${address}"
peer-as = ${asNumber}
[neighbors.transport.config]
passive-mode = true
`,
)}`,
  command: (file) => ['/usr/bin/gobgpd', '-f', file, '-l', 'error'],
};

export const bgpSpeakers: readonly SpeakerUnderTest[] = [
  bird,
  frr,
  gobgp,
  caracal('caracal', join(compiled, 'apps/bgp/main.js')),
  caracal('sources', join(root, 'apps/bgp/main.ts')),
];
