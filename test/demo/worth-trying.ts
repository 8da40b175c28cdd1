import type { Lab } from '../lab/index.ts';

/** Ten commands for a person who wants to look around in the lab that `--keep` left up. */
export function worthTrying(lab: Lab): void {
  console.log(`\nThe lab "${lab.name}" is up. Worth trying:\n`);
  const commands = [
    `eval "$(npm run -s lab -- env --name ${lab.name})"; export PATH=$PWD/apps/ctl:$PATH`,
    'caracalctl get ippools',
    'caracalctl ipam show --blocks',
    'caracalctl bgp peers',
    'caracalctl node status',
    'caracalctl policy explain --from ops/batch --to shop/db --protocol TCP --port 5432',
    `npm run -s lab -- exec tor --name ${lab.name} -- birdc -s ${lab.topology.router.birdcSocket} show route`,
    `npm run -s lab -- exec n1 --name ${lab.name} -- iptables -S FORWARD`,
    `npm run -s lab -- pod add n3 mine --namespace shop --labels app=web --name ${lab.name}`,
    `npm run -s lab -- down --name ${lab.name}`,
  ];
  for (const [i, command] of commands.entries()) console.log(`${String(i + 1).padStart(2)}. ${command}`);
}
