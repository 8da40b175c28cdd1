import { answer, type Fault, input, inputOn, on } from './fault.ts';

const delegatesNot = input('s/"type":"recorder"/"type":"caracal-ipam"/');
const finds = (name: string) => input(`s#"ipam":{"type":"${name}"}#"ipam":{"type":"caracal-ipam"}#`);

/** A plugin of that name in front of the one that is delegated to, which does nothing when it is to undo. */
const undoesNothing = on(
  'ADD',
  `shim=$(mktemp -d)
printf '#!/bin/sh\\n[ "$CNI_COMMAND" = DEL ] || exec %s/recorder\\n' "\${CNI_PATH##*:}" >"$shim/recorder"
chmod +x "$shim/recorder"
CNI_PATH="$shim:$CNI_PATH" "$REAL"
code=$?
rm -r "$shim"
exit $code`,
);

/** Against the rows of delegation.ts. */
export const delegationFaults: readonly Fault[] = [
  ...(['ADD', 'CHECK', 'DEL'] as const).flatMap((command) => [
    {
      name: `${command}: the delegated plugin sees no arguments`,
      caughtBy: 'delegate-environment',
      script: on(command, 'CNI_ARGS= exec "$REAL"'),
    },
    {
      name: `${command}: fields that it does not know are lost`,
      caughtBy: 'delegate-configuration',
      script: inputOn(command, 's/,"unheardOf":\\[1]//'),
    },
  ]),
  {
    name: 'DEL: the delegated plugin gets no prevResult',
    caughtBy: 'delegate-configuration',
    script: inputOn('DEL', 's/"prevResult":/"x":/'),
  },
  { name: 'addresses of its own', caughtBy: 'delegate-result', script: delegatesNot },
  { name: 'a plugin that is nowhere is done without', caughtBy: 'delegate-not-found', script: finds('no-such-plugin') },
  {
    name: 'a plugin is found by a way out of the folders',
    caughtBy: 'delegate-not-found',
    script: finds('[./]*/bin/true'),
  },
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
  { name: 'its failed ADD is not undone', caughtBy: 'delegate-add-fails', script: undoesNothing },
  { name: 'what it gave to an ADD that fails later is kept', caughtBy: 'delegate-undone', script: undoesNothing },
  {
    name: 'GC stops at the first error',
    caughtBy: 'gc-continues',
    script: on('GC', `"\${CNI_PATH##*:}/recorder" || exit 1`),
  },
  { name: 'GC reports no errors', caughtBy: 'gc-continues', script: on('GC', '"$REAL" >/dev/null; exit 0') },
  {
    name: 'an IPAM plugin lists interfaces',
    caughtBy: 'ipam-abbreviated',
    script: answer('s/"ips":/"interfaces":[],"ips":/'),
    ipam: true,
  },
  {
    name: 'an IPAM plugin says which interface has the address',
    caughtBy: 'ipam-abbreviated',
    script: answer('s/"ips":\\[{/"ips":[{"interface":0,/'),
    ipam: true,
  },
  {
    name: 'an IPAM plugin leaves the length of the prefix out',
    caughtBy: 'ipam-abbreviated',
    script: answer('s/\\/[0-9]*"/"/'),
    ipam: true,
  },
  {
    name: 'an IPAM plugin makes an interface',
    caughtBy: 'ipam-abbreviated',
    script: on('ADD', 'nsenter --net="$CNI_NETNS" ip link add eth0 type bridge'),
    ipam: true,
  },
  {
    name: 'DEL of an IPAM plugin needs the namespace',
    caughtBy: 'ipam-netns-gone',
    script: on('DEL', '[ -e "$CNI_NETNS" ] || exit 1'),
    ipam: true,
  },
  {
    name: 'DEL of an IPAM plugin gives nothing back',
    caughtBy: 'ipam-netns-gone',
    script: on('DEL', 'exit 0'),
    ipam: true,
  },
  {
    name: 'DEL of an IPAM plugin fails for what it does not know',
    caughtBy: 'ipam-netns-gone',
    script: on('DEL', 'mkdir "$0.$CNI_CONTAINERID" 2>/dev/null || exit 1'),
    ipam: true,
  },
];
