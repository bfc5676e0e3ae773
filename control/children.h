/* SPDX-License-Identifier: Apache-2.0
 *
 * One child process of the supervisor: its program, arguments and descriptors, its starts, and how
 * long to wait before the next one.
 */
#ifndef RP_CONTROL_CHILDREN_H
#define RP_CONTROL_CHILDREN_H

#include <sys/types.h>

#include "control/event_loop.h"
#include "shm/process.h"

/* A descriptor of the supervisor's and its number in the child. */
struct rp_child_fd {
	int own;
	int inherited;
};

enum { RP_CHILD_FDS_MAX = 8 + 2 * RP_WORKERS_MAX };

struct rp_child {
	char program[4096]; /* absolute path */
	char *const *argv;  /* NULL-terminated; lives as long as the child record */
	struct rp_child_fd fds[RP_CHILD_FDS_MAX];
	uint32_t fd_count;

	pid_t pid; /* 0: not running */
	int64_t started_ns;
	uint32_t quick_deaths;	 /* in a row */
	uint32_t stalled_checks; /* in a row */
	struct rp_events_timer respawn;
};

/** Path of a program that stands beside the running one. @return RP_OK, RP_ETOOBIG or -errno */
RP_MUST_CHECK int rp_child_program(const char *name, char *out, size_t out_bytes);

void rp_child_add_fd(struct rp_child *child, int own, int inherited);

/**
 * fork() and exec. The child has default signals, its own process group (a Ctrl-C reaches only the
 * supervisor), dies with the supervisor, and has exactly the standard streams and child->fds.
 * @return RP_OK or -errno of fork(); a failed exec shows as exit code RP_EXIT_EXEC
 */
RP_MUST_CHECK int rp_child_start(struct rp_child *child, int64_t now_ns);

/**
 * Note that the child is gone.
 * @return nanoseconds to wait before the next start: none, unless it died young twice in a row
 */
int64_t rp_child_note_death(struct rp_child *child, int64_t now_ns);

/** Send a signal if the child runs. */
void rp_child_signal(const struct rp_child *child, int signal_number);

#endif /* RP_CONTROL_CHILDREN_H */
