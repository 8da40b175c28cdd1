/** The lines of a Markdown table whose columns have one width, as the formatter leaves it; the first row is its head. */
export function markdownTable([head, ...rows]: readonly (readonly string[])[]): string[] {
  const columns = head ?? [];
  const widths = columns.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}
