/**
 * Faults put in on purpose, as a shell script in place of our executable: each must be caught by the row that it is for.
 * `$REAL` is the executable.
 */
export interface Fault {
  readonly name: string;
  readonly caughtBy: string;
  readonly script: string;
}

const on = (command: string, script: string) => `[ "$CNI_COMMAND" = ${command} ] && { ${script}; }\nexec "$REAL"`;
const answer = (sed: string) =>
  `out=$("$REAL"); code=$?; [ -z "$out" ] || printf '%s\\n' "$out" | sed '${sed}'; exit $code`;
const input = (sed: string) => `sed '${sed}' | "$REAL"`;

const delegatesNot = input('s/"type":"recorder"/"type":"caracal-ipam"/');

export const faults: readonly Fault[] = [
  { name: 'failures exit with 0', caughtBy: 'exit-codes', script: '"$REAL"; exit 0' },
  { name: 'a log line on standard output', caughtBy: 'add-json-alone', script: 'echo starting; exec "$REAL"' },
  { name: 'errors without a version', caughtBy: 'error-version', script: answer('s/"cniVersion":"[^"]*",//') },
  {
    name: 'always answers in 1.0.0',
    caughtBy: 'result-version',
    script: answer('s/"cniVersion":"[^"]*"/"cniVersion":"1.0.0"/'),
  },
  {
    name: 'errors without the name of the variable',
    caughtBy: 'container-id-named',
    script: answer('s/CNI_[A-Z]*/it/g'),
  },
  { name: 'one code for everything', caughtBy: 'stdin-no-json', script: answer('s/"code":[0-9]*/"code":7/') },
  {
    name: 'codes of its own among the reserved',
    caughtBy: 'error-codes',
    script: answer('s/"code":[0-9]*/"code":42/'),
  },
  { name: 'any container id will do', caughtBy: 'container-id-invalid', script: 'CNI_CONTAINERID=c exec "$REAL"' },
  { name: 'any name of a network will do', caughtBy: 'name-invalid', script: input('s/"name":"[^"]*"/"name":"n"/') },
  {
    name: 'namespaces with names alone',
    caughtBy: 'netns-of-a-process',
    script: 'case "$CNI_NETNS" in /proc/*) export CNI_NETNS=/run/netns/none ;; esac\nexec "$REAL"',
  },
  { name: 'always eth0', caughtBy: 'ifname-honoured', script: 'CNI_IFNAME=eth0 exec "$REAL"' },
  { name: 'any interface name will do', caughtBy: 'ifname-unusable', script: 'CNI_IFNAME=eth0 exec "$REAL"' },
  {
    name: 'a second ADD replaces the first',
    caughtBy: 'add-twice',
    script: on('ADD', 'CNI_COMMAND=DEL "$REAL" <<X\n{"cniVersion":"1.1.0","name":"conformance","type":"caracal"}\nX\n'),
  },
  { name: 'forgets prevResult', caughtBy: 'add-prev-result', script: input('s/"prevResult":/"x":/') },
  {
    name: 'one address for all',
    caughtBy: 'add-concurrently',
    script: answer('s/"address":"[^"]*"/"address":"10.65.0.9\\/32"/'),
  },
  {
    name: 'brings no interface up',
    caughtBy: 'add-creates',
    script:
      'out=$("$REAL") || exit 1; echo "$out"; [ "$CNI_COMMAND" != ADD ] || nsenter --net="$CNI_NETNS" ip link set eth0 down',
  },
  { name: 'DEL does nothing', caughtBy: 'del-deletes', script: on('DEL', 'exit 0') },
  { name: 'DEL prints', caughtBy: 'del-silent', script: on('DEL', '"$REAL"; echo "{}"; exit 0') },
  {
    name: 'DEL of what is not there fails',
    caughtBy: 'del-twice',
    script: on(
      'DEL',
      'nsenter --net="$CNI_NETNS" ip link show eth0 >/dev/null 2>&1 || { echo \'{"cniVersion":"1.1.0","code":3,"msg":"unknown"}\'; exit 1; }',
    ),
  },
  {
    name: 'DEL needs the namespace',
    caughtBy: 'del-without-netns',
    script: on('DEL', '[ -n "$CNI_NETNS" ] || exit 1'),
  },
  {
    name: 'DEL needs the namespace to exist',
    caughtBy: 'del-netns-gone',
    script: on('DEL', '[ -e "$CNI_NETNS" ] || exit 1'),
  },
  { name: 'CHECK always succeeds', caughtBy: 'check-address', script: on('CHECK', 'exit 0') },
  {
    name: 'CHECK always fails',
    caughtBy: 'check-succeeds',
    script: on('CHECK', 'echo \'{"cniVersion":"1.1.0","code":101,"msg":"no"}\'; exit 1'),
  },
  {
    name: 'CHECK looks at the kernel alone',
    caughtBy: 'check-consults',
    script: on('CHECK', 'nsenter --net="$CNI_NETNS" ip -4 -o address show eth0 | grep -q inet; exit $?'),
  },
  {
    name: 'CHECK without prevResult succeeds',
    caughtBy: 'check-needs-prev-result',
    script: on('CHECK', 'grep -q prevResult || exit 0; exit 1'),
  },
  {
    name: 'STATUS always fails',
    caughtBy: 'status-ready',
    script: on('STATUS', 'echo \'{"cniVersion":"1.1.0","code":50,"msg":"no"}\'; exit 1'),
  },
  { name: 'VERSION is always the newest', caughtBy: 'version-echo', script: on('VERSION', '"$REAL" </dev/null; exit') },
  {
    name: 'VERSION lists one',
    caughtBy: 'version-list',
    script: answer('s/"supportedVersions":.*]/"supportedVersions":["1.0.0"]/'),
  },
  { name: 'GC removes nothing', caughtBy: 'gc-removes', script: on('GC', 'exit 0') },
  {
    name: 'GC removes everything',
    caughtBy: 'gc-removes',
    script: input('s/"cni.dev\\/valid-attachments":\\[[^]]*]/"cni.dev\\/valid-attachments":[]/'),
  },
  { name: 'GC without a list removes everything', caughtBy: 'gc-list', script: on('GC', 'exit 0') },
  { name: 'a made-up MAC', caughtBy: 'result-mac', script: answer('s/"mac":"[^"]*"/"mac":"02:00:00:00:00:00"/g') },
  { name: 'a made-up MTU', caughtBy: 'result-mtu', script: answer('s/"mtu":[0-9]*/"mtu":1500/') },
  { name: 'no sandbox', caughtBy: 'result-sandbox', script: answer('s/,"sandbox":"[^"]*"//') },
  {
    name: 'the address is on the host',
    caughtBy: 'result-interface-index',
    script: answer('s/"interface":1/"interface":0/'),
  },
  { name: 'the prefix length is left out', caughtBy: 'result-address', script: answer('s/\\/32"/"/') },
  {
    name: 'a made-up gateway',
    caughtBy: 'result-gateway',
    script: answer('s/"gateway":"[^"]*"/"gateway":"192.0.2.1"/'),
  },
  {
    name: 'a made-up route',
    caughtBy: 'result-routes',
    script: answer('s/"routes":\\[/"routes":[{"dst":"192.0.2.0\\/24"},/'),
  },
  {
    name: 'the family is said in every version',
    caughtBy: 'result-ip-version',
    script: answer('s/"ips":\\[{/"ips":[{"version":"4",/'),
  },
  {
    name: 'the interface on the host is not listed',
    caughtBy: 'result-interfaces',
    script: answer('s/{"name":"cara[^}]*},//'),
  },
  { name: 'no DNS', caughtBy: 'result-dns', script: input('s/"dns":/"x":/') },
  {
    name: 'the delegated plugin sees no arguments',
    caughtBy: 'delegate-environment',
    script: 'CNI_ARGS= exec "$REAL"',
  },
  {
    name: 'fields that it does not know are lost',
    caughtBy: 'delegate-configuration',
    script: input('s/,"unheardOf":\\[1]//'),
  },
  { name: 'addresses of its own', caughtBy: 'delegate-result', script: delegatesNot },
  { name: 'silent on standard error', caughtBy: 'delegate-stderr', script: 'exec "$REAL" 2>/dev/null' },
  ...(
    [
      ['DEL', 'delegate-del'],
      ['CHECK', 'delegate-check'],
      ['STATUS', 'delegate-status'],
      ['GC', 'delegate-gc'],
    ] as const
  ).map(([command, caughtBy]) => ({
    name: `${command} executes no delegated plugin`,
    caughtBy,
    script: on(command, `${delegatesNot}; exit $?`),
  })),
  { name: 'CHECK looks at no rules', caughtBy: 'check-firewall', script: on('CHECK', 'exit 0') },
  { name: 'CHECK looks at no limits', caughtBy: 'check-shaping', script: on('CHECK', 'exit 0') },
];
