import { answer, type Fault, input } from './fault.ts';

/** Against the rows of results.ts. */
export const resultFaults: readonly Fault[] = [
  {
    name: 'always answers in 1.0.0',
    caughtBy: 'result-version',
    script: answer('s/"cniVersion":"[^"]*"/"cniVersion":"1.0.0"/'),
  },
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
    name: 'a default route in every result',
    caughtBy: 'result-second-default-route',
    script: answer('s/"routes":\\[]/"routes":[{"dst":"0.0.0.0\\/0"}]/'),
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
];
