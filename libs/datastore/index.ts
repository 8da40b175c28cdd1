export { type BackupOptions, backup, restore } from './backup.ts';
export { type Datastore, type DatastoreOptions, openDatastore } from './datastore.ts';
export { type FeedObserver, type FollowOptions, SchemaMismatch } from './follow.ts';
export type {
  Position,
  ResourceName,
  Revision,
  StoredBlock,
  StoredEndpoint,
  StoredItem,
  StoredResource,
} from './items.ts';
export { type MigrationReport, migrate, schemaRange } from './migrate.ts';
export type { Durability } from './queries/durability.ts';
export type { ServiceAddress } from './queries/service-addresses.ts';
export type { PutOutcome, Refusal, ResourcePut, ResourcesRequest } from './queries/write.ts';
export { unavailableReason } from './unavailable.ts';
