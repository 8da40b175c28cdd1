import { answer, type Fault, input, inputOn, leavesAnInterface, on, refuses, refusesWhere } from './fault.ts';

/** Executes it with a value of its own where the variable has none. */
const byDefault = (variable: string, value: string) =>
  `[ -n "$${variable}" ] || export ${variable}=${value}; exec "$REAL"`;

/** Against the rows of parameters.ts, and of fields in unseen.ts. */
export const parameterFaults: readonly Fault[] = [
  {
    name: 'a network needs no name',
    caughtBy: 'name-missing',
    script: input('s/^{"cniVersion"/{"name":"n","cniVersion"/'),
  },
  { name: 'any name of a network will do', caughtBy: 'name-invalid', script: input('s/"name":"[^"]*"/"name":"n"/') },
  { name: 'names of networks are of small letters', caughtBy: 'name-valid', script: refuses('0A_b') },
  {
    name: 'every version is supported',
    caughtBy: 'version-unsupported',
    script: input('s/"cniVersion":"9.0.0"/"cniVersion":"1.1.0"/'),
  },
  { name: 'args of others are an error', caughtBy: 'args-ignored', script: refuses('example.org') },
  { name: 'unknown keys of the protocol are an error', caughtBy: 'reserved-keys', script: refuses('unheard-of') },
  { name: 'unknown capabilities are an error', caughtBy: 'runtime-config-ignored', script: refuses('unheardOf') },
  {
    name: 'operations in any letters',
    caughtBy: 'command-unknown',
    script: 'CNI_COMMAND=$(echo "$CNI_COMMAND" | tr a-z A-Z) exec "$REAL"',
  },
  {
    name: 'a container needs no id',
    caughtBy: 'container-id-missing',
    script: byDefault('CNI_CONTAINERID', 'c'),
  },
  { name: 'any container id will do', caughtBy: 'container-id-invalid', script: 'CNI_CONTAINERID=c exec "$REAL"' },
  {
    name: 'errors without the name of the variable',
    caughtBy: 'container-id-named',
    script: answer('s/CNI_[A-Z]*/it/g'),
  },
  {
    name: 'container ids without underscores',
    caughtBy: 'container-id-valid',
    script: refusesWhere('case "$CNI_CONTAINERID" in *_*) true ;; *) false ;; esac'),
  },
  {
    name: 'an interface needs no name',
    caughtBy: 'ifname-missing',
    script: byDefault('CNI_IFNAME', 'eth0'),
  },
  { name: 'always eth0', caughtBy: 'ifname-honoured', script: 'CNI_IFNAME=eth0 exec "$REAL"' },
  { name: 'any interface name will do', caughtBy: 'ifname-unusable', script: 'CNI_IFNAME=eth0 exec "$REAL"' },
  {
    name: 'without a namespace nothing is done',
    caughtBy: 'netns-missing',
    script: '[ -n "$CNI_NETNS" ] || exit 0\nexec "$REAL"',
  },
  {
    name: 'a namespace of another sort will do',
    caughtBy: 'netns-unusable',
    script: '[ "$CNI_NETNS" != /proc/self/ns/uts ] || exit 0\nexec "$REAL"',
  },
  { name: 'a namespace that is none leaves an interface', caughtBy: 'netns-unusable', script: leavesAnInterface },
  {
    name: 'namespaces with names alone',
    caughtBy: 'netns-of-a-process',
    script: 'case "$CNI_NETNS" in /proc/*) export CNI_NETNS=/run/netns/none ;; esac\nexec "$REAL"',
  },
  { name: 'the first missing variable is named', caughtBy: 'all-missing-named', script: answer('s/;[^"]*//') },
  {
    name: 'arguments of Kubernetes are an error',
    caughtBy: 'args-of-runtimes',
    script: refusesWhere('case "$CNI_ARGS" in *K8S_POD_UID*) true ;; *) false ;; esac'),
  },
  { name: 'arguments are not looked at', caughtBy: 'args-malformed', script: 'CNI_ARGS= exec "$REAL"' },
  { name: 'failures exit with 0', caughtBy: 'exit-codes', script: '"$REAL"; exit 0' },
  { name: 'one code for everything', caughtBy: 'stdin-no-json', script: answer('s/"code":[0-9]*/"code":7/') },
  { name: 'any JSON is a configuration', caughtBy: 'stdin-no-object', script: answer('s/"code":6/"code":7/') },
  { name: 'errors without a version', caughtBy: 'error-version', script: answer('s/"cniVersion":"[^"]*",//') },
  {
    name: 'codes of its own among the reserved',
    caughtBy: 'error-codes',
    script: answer('s/"code":[0-9]*/"code":42/'),
  },
  { name: 'what it cannot do is ignored', caughtBy: 'field-unsupported', script: input('s/"ipMasq":true/"x":1/') },
  { name: 'an unsupported field without its value', caughtBy: 'field-unsupported', script: answer('s/: true//') },
  {
    name: 'an unsupported field without its key',
    caughtBy: 'field-unsupported',
    script: answer('s/ipMasq/something/'),
  },
  { name: 'an impossible value is ignored', caughtBy: 'field-impossible', script: input('s/"ipam":{"type":7}/"x":1/') },
  { name: 'an impossible value of some field', caughtBy: 'field-impossible', script: answer('s/type/it/g') },
  { name: 'CHECK of every version', caughtBy: 'check-version', script: inputOn('CHECK', 's/"0.3.1"/"1.0.0"/') },
  { name: 'STATUS of every version', caughtBy: 'status-version', script: inputOn('STATUS', 's/"1.0.0"/"1.1.0"/') },
  { name: 'GC of every version', caughtBy: 'gc-version', script: inputOn('GC', 's/"1.0.0"/"1.1.0"/') },
  { name: 'GC needs no path', caughtBy: 'gc-path', script: on('GC', byDefault('CNI_PATH', '/x')) },
];
