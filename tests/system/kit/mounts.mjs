// SPDX-License-Identifier: MIT
// Folders on disks of their own, which only the gateway (and whoever looks through its /proc) can see: for `wrap`.

export const mounted = (script) => (command) =>
  ['/usr/bin/unshare', '-Urm', '/bin/sh', '-c', `${script} && exec "$@"`, 'sh', ...command];

// So large, with what was in the folder before.
export const smallDisk = (size, folder = 'data') => mounted(
  `mkdir -p ${folder} && cp -r ${folder} saved && mount -t tmpfs -o size=${size},mode=0700 tmpfs ${folder} && cp -r saved/. ${folder}`);

export const inside = (gateway, path) => `/proc/${gateway.program.pid}/root${gateway.path(path)}`;
