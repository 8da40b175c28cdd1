import { stripVTControlCharacters } from 'node:util';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number;
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
}

/**
 * Rows under upper-case titles, two spaces between columns, nothing at the ends of lines; columns of which every cell is a number are aligned to the
 * right. `below` gives lines to stand indented under a row. Ends with a newline.
 */
export function formatTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  below: (row: Row) => readonly string[] = () => [],
): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const right = columns.map((_, i) => cells.length > 0 && cells.every((row) => typeof row[i] === 'number'));
  const texts = cells.map((row) => row.map((cell) => (cell === '' ? '-' : String(cell))));
  const titles = columns.map((column) => column.title);
  const widths = titles.map((title, i) => Math.max(width(title), ...texts.map((row) => width(row[i]))));
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => pad(text, widths[i], right[i]))
      .join('  ')
      .trimEnd();
  const lines = [line(titles), ...rows.flatMap((row, i) => [line(texts[i]), ...below(row).map((text) => `  ${text}`)])];
  return `${lines.join('\n')}\n`;
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, to: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, to - width(text)));
  return right ? space + text : text + space;
}
