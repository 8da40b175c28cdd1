import { answer, type Fault, fails, input, inputOn, leavesAnInterface, on, refuses } from './fault.ts';

const inContainer = 'nsenter --net="$CNI_NETNS"';

/** Against the rows of operations.ts, probes.ts and, for what CHECK does not see in a result, unseen.ts. */
export const operationFaults: readonly Fault[] = [
  { name: 'a log line on standard output', caughtBy: 'add-json-alone', script: 'echo starting; exec "$REAL"' },
  {
    name: 'brings no interface up',
    caughtBy: 'add-creates',
    script: `out=$("$REAL") || exit 1; echo "$out"; [ "$CNI_COMMAND" != ADD ] || ${inContainer} ip link set eth0 down`,
  },
  {
    name: 'the result has the address of nobody',
    caughtBy: 'add-connects',
    script: answer('s/"address":"[^"]*"/"address":"10.65.0.250\\/32"/'),
  },
  {
    name: 'a second ADD replaces the first',
    caughtBy: 'add-twice',
    script: on(
      'ADD',
      `printf '{"cniVersion":"1.1.0","name":"conformance","type":"caracal"}' | CNI_COMMAND=DEL "$REAL"`,
    ),
  },
  {
    name: 'an interface in the way is removed',
    caughtBy: 'add-foreign-interface',
    script: on('ADD', `${inContainer} ip link delete "$CNI_IFNAME" 2>/dev/null; exec "$REAL"`),
  },
  { name: 'an interface in the way leaves another', caughtBy: 'add-foreign-interface', script: leavesAnInterface },
  { name: 'forgets prevResult', caughtBy: 'add-prev-result', script: input('s/"prevResult":/"x":/') },
  { name: 'a failed ADD leaves an interface', caughtBy: 'add-failed-leaves-nothing', script: leavesAnInterface },
  { name: 'DEL of a failed ADD fails', caughtBy: 'add-failed-leaves-nothing', script: fails('DEL') },
  {
    name: 'one address for all',
    caughtBy: 'add-concurrently',
    script: answer('s/"address":"[^"]*"/"address":"10.65.0.9\\/32"/'),
  },
  { name: 'DEL does nothing', caughtBy: 'del-deletes', script: on('DEL', 'exit 0') },
  { name: 'DEL prints', caughtBy: 'del-silent', script: on('DEL', '"$REAL"; echo "{}"; exit 0') },
  {
    name: 'DEL of what is not there fails',
    caughtBy: 'del-twice',
    script: on(
      'DEL',
      `${inContainer} ip link show eth0 >/dev/null 2>&1 || { echo '{"cniVersion":"1.1.0","code":3,"msg":"unknown"}'; exit 1; }`,
    ),
  },
  {
    name: 'DEL needs the interface',
    caughtBy: 'del-interface-missing',
    script: on('DEL', `${inContainer} ip link show eth0 >/dev/null 2>&1 || exit 1`),
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
  {
    name: 'a container can be added once in its life',
    caughtBy: 'del-then-add',
    script: on('ADD', 'mkdir "$0.$CNI_CONTAINERID" 2>/dev/null || exit 1'),
  },
  {
    name: 'DEL takes no result',
    caughtBy: 'del-prev-result',
    script: on('DEL', '! grep -q prevResult; exit'),
  },
  { name: 'DEL is as strict as ADD', caughtBy: 'del-after-refusal', script: refuses('big') },
  ...(
    [
      ['what prevResult says', 'check-consults'],
      ['the interface', 'check-interface'],
      ['the address', 'check-address'],
      ['the route', 'check-route'],
      ['the MAC address', 'check-mac'],
      ['whether the interface is up', 'check-unreachable'],
      ['whether the container is known', 'check-reservation'],
      ['rules', 'check-firewall'],
      ['limits', 'check-shaping'],
    ] as const
  ).map(([what, caughtBy]) => ({ name: `CHECK does not see ${what}`, caughtBy, script: on('CHECK', 'exit 0') })),
  { name: 'CHECK always fails', caughtBy: 'check-succeeds', script: fails('CHECK') },
  {
    name: 'CHECK looks at the kernel alone',
    caughtBy: 'check-consults',
    script: on('CHECK', `${inContainer} ip -4 -o address show eth0 | grep -q inet; exit $?`),
  },
  {
    name: 'CHECK without prevResult succeeds',
    caughtBy: 'check-needs-prev-result',
    script: on('CHECK', 'grep -q prevResult || exit 0; exit 1'),
  },
  {
    name: 'CHECK suffers no further address',
    caughtBy: 'check-later-plugin',
    script: on('CHECK', `[ "$(${inContainer} ip -4 -o address show eth0 | wc -l)" = 1 ] || exit 1`),
  },
  {
    name: 'CHECK looks in the main table alone',
    caughtBy: 'check-route-moved',
    script: on('CHECK', `${inContainer} ip route | grep -q default || exit 1`),
  },
  { name: 'STATUS always fails', caughtBy: 'status-ready', script: fails('STATUS', 50) },
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
  {
    name: 'GC removes what is of other networks',
    caughtBy: 'gc-other-networks',
    script: inputOn('GC', 's/"name":"conformance"/"name":"another"/'),
  },
  { name: 'GC without a list removes everything', caughtBy: 'gc-list', script: on('GC', 'exit 0') },
  {
    name: 'GC knows the key of libcni alone',
    caughtBy: 'gc-keys',
    script: inputOn('GC', 's/"cni.dev\\/attachments"/"x"/'),
  },
  {
    name: 'GC knows the key of the text alone',
    caughtBy: 'gc-keys',
    script: inputOn('GC', 's/"cni.dev\\/valid-attachments"/"x"/'),
  },
  { name: 'GC takes null for no list', caughtBy: 'gc-null', script: inputOn('GC', 's/"cni.dev[^:]*":null/"x":1/') },
];
