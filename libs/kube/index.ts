export { type KubeApi, KubeError, type KubeRequest, type KubeServer, kubeApi } from './api.ts';
export { type KubeObject, keyOf } from './objects.ts';
export { listAll, type ReflectorObserver, reflect } from './reflector.ts';
export { readToken, serviceAccount } from './service-account.ts';
