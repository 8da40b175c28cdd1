import type { Row } from '../row.ts';
import { stateMachine } from './fsm.ts';
import { header } from './header.ts';
import { openMessage } from './open.ts';

/** The tables by title. */
export const tables: Readonly<Record<string, readonly Row[]>> = {
  'the message header': header,
  'the OPEN': openMessage,
  'the state machine': stateMachine,
};
