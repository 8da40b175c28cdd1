import type { Row } from '../row.ts';
import { attributeList } from './attribute-list.ts';
import { collision } from './collision.ts';
import { communities } from './communities.ts';
import { fourOctetAs } from './four-octet-as.ts';
import { stateMachine } from './fsm.ts';
import { header } from './header.ts';
import { multiprotocol } from './multiprotocol.ts';
import { nlri } from './nlri.ts';
import { openMessage } from './open.ts';
import { openCapabilities } from './open-capabilities.ts';
import { enhancedRefresh, extendedMessages, peerOptions } from './options.ts';
import { optionalAttributes, reflectionAttributes } from './other-attributes.ts';
import { routeRefreshMessage } from './refresh.ts';
import { restart } from './restart.ts';
import { segmentation } from './segmentation.ts';
import { asPathAttribute, nextHopAttribute, originAttribute } from './well-known-attributes.ts';

/** The tables by title. */
export const tables: Readonly<Record<string, readonly Row[]>> = {
  'the message header': header,
  'the OPEN': openMessage,
  'the capabilities of an OPEN': openCapabilities,
  'the state machine': stateMachine,
  collision,
  ORIGIN: originAttribute,
  AS_PATH: asPathAttribute,
  NEXT_HOP: nextHopAttribute,
  'MED, LOCAL_PREF and aggregation': optionalAttributes,
  reflection: reflectionAttributes,
  communities,
  'four-octet AS numbers': fourOctetAs,
  'the list of attributes': attributeList,
  'multiprotocol attributes': multiprotocol,
  prefixes: nlri,
  'ROUTE-REFRESH': routeRefreshMessage,
  'enhanced route refresh': enhancedRefresh,
  'extended messages': extendedMessages,
  'what is configured for a peer': peerOptions,
  'graceful restart': restart,
  segmentation,
};
