/* SPDX-License-Identifier: Apache-2.0
 *
 * What the supervisor consists of, and how that is put together at the start: sockets, segments,
 * channels, and for each child what it will find at which descriptor. Nothing runs yet.
 */
#ifndef RP_CONTROL_SUPERVISOR_PARTS_H
#define RP_CONTROL_SUPERVISOR_PARTS_H

#include "config/flags.h"
#include "control/children.h"
#include "shm/layout.h"

struct rp_supervised_worker {
	struct rp_child child;
	struct rp_supervisor *supervisor;
	uint32_t index;
	char index_text[12];
	char *argv[3];
	bool was_ready;	 /* ever: its surroundings work */
	bool is_awaited; /* started, not yet ready */
	int64_t died_ns; /* the one before; 0: there was none */
	int wake_fd;
	int secrets[2]; /* worker's end, control's end */
	int handoff[2]; /* read end, write end */
};

struct rp_supervisor {
	const struct rp_flags *flags;
	const struct rp_settings *settings;
	struct rp_events *loop;
	struct rp_shared shared;
	int tables_fd;	  /* writable, for control */
	int tables_ro_fd; /* for workers */
	int live_fd;
	int ext_proc_fd;
	int health_fd;
	int metrics_fd;
	int published_fd;
	int signal_fd;

	struct rp_events_watch signal_watch;
	struct rp_events_watch published_watch;
	struct rp_events_timer check; /* for stalled workers */
	struct rp_events_timer ready; /* looks for workers that became ready */
	struct rp_events_timer drain; /* end of DRAINING, then of STOPPING, then of control */

	enum rp_phase phase;
	uint32_t signal_count;
	bool is_control_stopping; /* the workers are gone, control may go */
	bool is_killing;	  /* all children were killed; exit_code says why */
	int exit_code;

	struct rp_child control;
	char **control_argv;
	uint32_t worker_count;
	struct rp_supervised_worker *worker;
};

/**
 * Descriptors that came with us must not reach the children; missing standard streams must not be
 * taken by ours. First of all.
 */
void rp_supervisor_tidy_descriptors(void);

/**
 * Open and create everything; what is open stays so on errors, which end the process. Ports that
 * the kernel chose are put into *settings.
 * @return RP_OK; -errno with a sentence for the user
 */
RP_MUST_CHECK int rp_supervisor_open_parts(struct rp_supervisor *s, struct rp_settings *settings,
					   int argc, char *const argv[], struct rp_diag *reterr);

/**
 * The ring of a worker that was killed lets go of its descriptors only some time after the worker
 * is gone. No port may listen that long: another ringpick could not be started at once.
 */
void rp_supervisor_end_listening(const struct rp_supervisor *s);

#endif /* RP_CONTROL_SUPERVISOR_PARTS_H */
