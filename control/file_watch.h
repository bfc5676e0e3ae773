/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells when files of one directory may have changed: inotify on the directory, which covers writes
 * in place, renames over a file and the symlink swaps of mounted ConfigMaps and Secrets; and a look
 * at their stamps once a second for what inotify cannot see (network file systems, symlinks that
 * lead elsewhere, a directory that was replaced). One call follows when things have been quiet for
 * a while.
 */
#ifndef RP_CONTROL_FILE_WATCH_H
#define RP_CONTROL_FILE_WATCH_H

#include <sys/stat.h>

#include "control/event_loop.h"

enum { RP_FILE_WATCH_FILES_MAX = 2 };

struct rp_file_watch;
typedef void rp_file_watch_fn(void *user);

/* What a file looked like; all zero when it is missing. */
struct rp_file_stamp {
	dev_t device;
	ino_t inode;
	off_t bytes;
	struct timespec modified;
	struct timespec changed;
};

struct rp_file_watch {
	struct rp_events *loop;
	rp_file_watch_fn *fn;
	void *user;
	int64_t quiet_ns;
	int64_t first_event_ns; /* of the burst under way */
	int inotify_fd;
	int directory_watch; /* < 0: none */
	struct rp_events_watch watch;
	struct rp_events_timer quiet;
	struct rp_events_timer look;
	uint32_t file_count;
	char directory[1024];
	char path[RP_FILE_WATCH_FILES_MAX][1024];
	struct rp_file_stamp stamp[RP_FILE_WATCH_FILES_MAX];
};

/**
 * Start to watch. Take the first look at the files after this call, so that no change is lost.
 *
 * @param path      one or two files of the same directory
 * @param quiet_ns  how long nothing may have happened before fn is called; a burst that does not
 * end leads to a call after ten times as long
 * @return RP_OK, RP_ETOOBIG (path too long) or -errno; without inotify it makes do with stamps
 */
RP_MUST_CHECK int rp_file_watch_start(struct rp_file_watch *watch, struct rp_events *loop,
				      const char *const *path, uint32_t file_count,
				      int64_t quiet_ns, rp_file_watch_fn *fn, void *user);
/** Idempotent; fine on a zeroed watch. */
void rp_file_watch_stop(struct rp_file_watch *watch);

#endif /* RP_CONTROL_FILE_WATCH_H */
