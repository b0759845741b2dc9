// SPDX-License-Identifier: MIT
// Data folders on disks of their own, which only the gateway (and whoever looks through its /proc) can see: for `wrap`.

export const mounted = (script) => (command) =>
  ['/usr/bin/unshare', '-Urm', '/bin/sh', '-c', `${script} && exec "$@"`, 'sh', ...command];

// So large, with what was in the folder before.
export const smallDisk = (size) =>
  mounted(`cp -r data saved && mount -t tmpfs -o size=${size},mode=0700 tmpfs data && cp -r saved/. data`);

export const inside = (gateway, ...names) => `/proc/${gateway.program.pid}/root${gateway.path('data', ...names)}`;
