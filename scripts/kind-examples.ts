/** The documents of all YAML blocks of a Markdown page. */
import { parseAllDocuments } from 'yaml';

export function examplesIn(markdown: string): unknown[] {
  const blocks = [...markdown.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text!);
  return blocks.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as unknown));
}
