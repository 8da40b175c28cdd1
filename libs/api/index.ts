export { formatSelector, type ParsedSelector, parseSelector, type Selector } from './selector/index.ts';
