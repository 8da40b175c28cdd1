import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as constants from '../../libs/netlink/constants.ts';
import { layout } from '../../libs/netlink/layout.ts';
import { makeTemporaryFolder, removeTemporaryFolder } from '../support/temporary-folder.ts';

const headers = [
  'stdio.h',
  'stddef.h',
  'fcntl.h',
  'errno.h',
  'sched.h',
  'sys/file.h',
  'sys/socket.h',
  'sys/time.h',
  'linux/netlink.h',
  'linux/rtnetlink.h',
  'linux/fib_rules.h',
  'linux/if_link.h',
  'linux/if_addr.h',
  'linux/neighbour.h',
  'linux/veth.h',
  'linux/ip.h',
  'linux/nsfs.h',
  'linux/magic.h',
  'linux/in.h',
  'linux/in6.h',
  'linux/tcp.h',
  'linux/if_ether.h',
  'linux/pkt_sched.h',
  'linux/pkt_cls.h',
  'linux/tc_act/tc_mirred.h',
  'linux/filter.h',
  'linux/netfilter/nfnetlink.h',
  'linux/netfilter/nfnetlink_conntrack.h',
  'linux/netfilter/ipset/ip_set.h',
];

/** Compiles a C program that prints what the headers of this system say, and returns its lines. */
function askCompiler(statements: readonly string[]): string[] {
  const folder = makeTemporaryFolder('layout');
  try {
    const includes = headers.map((header) => `#include <${header}>`).join('\n');
    // net/if.h and linux/if.h exclude each other; the one flag needed comes from the kernel's own.
    const source = `#define _GNU_SOURCE\n#include <linux/if.h>\n${includes}\nint main(void) {\n${statements.join('\n')}\nreturn 0; }\n`;
    writeFileSync(join(folder, 'layout.c'), source);
    execFileSync('gcc', ['-o', join(folder, 'layout'), join(folder, 'layout.c')], { stdio: 'pipe' });
    return execFileSync(join(folder, 'layout'), { encoding: 'utf8' }).trim().split('\n');
  } finally {
    removeTemporaryFolder(folder);
  }
}

test('every constant has the value of the C headers', () => {
  // NLA_TYPE_MASK is meant for the 16 bits of nla_type; as an int it has more.
  const expression = (name: string) => (name === 'NLA_TYPE_MASK' ? `${name} & 0xffff` : name);
  const names = Object.keys(constants);
  const lines = askCompiler(
    names.map((name) => `printf("${name} %lld\\n", (long long)(unsigned)(${expression(name)}));`),
  );
  expect(lines).toEqual(Object.entries(constants).map(([name, value]) => `${name} ${value}`));
});

test('every structure has the size and offsets of the C headers', () => {
  const expected: string[] = [];
  const statements: string[] = [];
  for (const [struct, fields] of Object.entries(layout)) {
    for (const [field, value] of Object.entries(fields)) {
      expected.push(`${struct}.${field} ${value}`);
      const c = field === 'size' ? `sizeof(struct ${struct})` : `offsetof(struct ${struct}, ${field})`;
      statements.push(`printf("${struct}.${field} %zu\\n", (size_t)${c});`);
    }
  }
  expect(askCompiler(statements)).toEqual(expected);
});
