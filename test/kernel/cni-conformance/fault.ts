/**
 * A fault put in on purpose, as a shell script in place of the executable: the row that it is for must catch it. `$REAL` is the executable,
 * `$NODE` the host's network namespace.
 */
export interface Fault {
  readonly name: string;
  readonly caughtBy: string;
  readonly script: string;
  /** In place of the IPAM plugin. */
  readonly ipam?: true;
}

/** In one operation alone. What `script` does not read or end, the executable does. */
export const on = (command: string, script: string) =>
  `[ "$CNI_COMMAND" = ${command} ] && { ${script}; }\nexec "$REAL"`;

/** Changes what is printed. */
export const answer = (sed: string) =>
  `out=$("$REAL"); code=$?; [ -z "$out" ] || printf '%s\\n' "$out" | sed '${sed}'; exit $code`;

/** Changes what is read. */
export const input = (sed: string) => `sed '${sed}' | "$REAL"`;
export const inputOn = (command: string, sed: string) => on(command, `${input(sed)}; exit $?`);

const error = (code: number) => `echo '{"cniVersion":"1.1.0","code":${code},"msg":"no"}'; exit 1`;
export const fails = (command: string, code = 101) => on(command, error(code));

/** Refuses a configuration with this in it. */
export const refuses = (pattern: string) =>
  `in=$(cat); case "$in" in *${pattern}*) ${error(7)} ;; esac; printf %s "$in" | "$REAL"`;
/** Refuses where this test of the shell holds. */
export const refusesWhere = (condition: string) => `${condition} && { ${error(7)}; }\nexec "$REAL"`;

/** What a failed ADD leaves on the host. */
export const leavesAnInterface = `"$REAL"; code=$?
[ $code = 0 ] || [ "$CNI_COMMAND" != ADD ] || nsenter --net="$NODE" ip link add "left$$" type bridge
exit $code`;
