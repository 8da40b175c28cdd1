/**
 * libuv's pool, for the whole process, and read when it is first used: to be imported before anything else. Deletions of interfaces wait in it for
 * the kernel, 20 ms each, beside the journal and whatever else reads and writes files.
 */
process.env.UV_THREADPOOL_SIZE ??= '12';
