import { readFileSync } from 'node:fs';

/**
 * Which of these sysctls the node's administrator does not allow, by a file of regular expressions, one a line, as the `tuning` plugin has it
 * (CNI plugins, tuning, "allowlist"). Without the file all are allowed.
 */
export function refusedSysctls(names: readonly string[], file: string): string[] {
  if (names.length === 0) return [];
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  const allowed = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [new RegExp(line.trim())]));
  return names.filter((name) => !allowed.some((expression) => expression.test(name)));
}
