/* SPDX-License-Identifier: Apache-2.0 */
#include "control/supervisor_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/sockets.h"

void rp_supervisor_tidy_descriptors(void)
{
	struct rlimit limit;
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	(void)close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int open_sockets(struct rp_supervisor *s, struct rp_settings *settings,
			struct rp_diag *reterr)
{
	uint16_t port = 0;
	int err = rp_socket_bind((uint16_t)settings->grpc_port, "--grpc-port", &s->ext_proc_fd,
				 &port, reterr);

	if (err != RP_OK)
		return err;
	settings->grpc_port = port;
	err = rp_socket_bind((uint16_t)settings->health_port, "--grpc-health-port", &s->health_fd,
			     &port, reterr);
	if (err == RP_OK)
		err = rp_socket_listen(s->health_fd, port, "--grpc-health-port", reterr);
	if (err != RP_OK)
		return err;
	settings->health_port = port;
	err = rp_socket_bind((uint16_t)settings->metrics_port, "--metrics-port", &s->metrics_fd,
			     &port, reterr);
	if (err == RP_OK)
		err = rp_socket_listen(s->metrics_fd, port, "--metrics-port", reterr);
	if (err == RP_OK)
		settings->metrics_port = port;
	return err;
}

static int open_channels(struct rp_supervisor *s)
{
	int err;

	s->tables_fd = rp_fd_raise(fcntl(s->shared.tables_segment.fd, F_DUPFD_CLOEXEC, 0));
	s->live_fd = rp_fd_raise(fcntl(s->shared.live_segment.fd, F_DUPFD_CLOEXEC, 0));
	s->tables_ro_fd = rp_fd_raise(rp_segment_reopen_readonly(&s->shared.tables_segment));
	s->published_fd = rp_eventfd_new();
	if (s->tables_fd < 0 || s->live_fd < 0)
		return -EMFILE;
	if (s->tables_ro_fd < 0)
		return s->tables_ro_fd;
	if (s->published_fd < 0)
		return s->published_fd;
	for (uint32_t i = 0; i < s->worker_count; i++) {
		struct rp_supervised_worker *w = &s->worker[i];

		w->wake_fd = rp_eventfd_new();
		if (w->wake_fd < 0)
			return w->wake_fd;
		err = rp_socket_pair(w->secrets);
		if (err == RP_OK)
			err = rp_socket_pair(w->handoff);
		if (err != RP_OK)
			return err;
	}
	return RP_OK;
}

static int describe_children(struct rp_supervisor *s, int argc, char *const argv[],
			     struct rp_diag *reterr)
{
	static char control_name[] = "ringpick-control";
	static char worker_name[] = "ringpick-worker";
	static char separator[] = "--";
	char worker_program[sizeof(s->control.program)];
	int err = rp_child_program(control_name, s->control.program, sizeof(s->control.program));

	if (err == RP_OK)
		err = rp_child_program(worker_name, worker_program, sizeof(worker_program));
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot find my own executable: %s",
				   rp_err_text(err));
	if (access(s->control.program, X_OK) != 0)
		return rp_diag_set(reterr, -errno, 0, 0,
				   "%s is missing: it must stand beside ringpick",
				   s->control.program);
	if (access(worker_program, X_OK) != 0)
		return rp_diag_set(reterr, -errno, 0, 0,
				   "%s is missing: it must stand beside ringpick", worker_program);

	s->control_argv = calloc((size_t)argc + 3, sizeof(char *));
	if (s->control_argv == NULL)
		return rp_diag_set(reterr, -ENOMEM, 0, 0, "out of memory");
	s->control_argv[0] = control_name;
	s->control_argv[1] = separator;
	for (int i = 1; i < argc; i++)
		s->control_argv[i + 1] = argv[i];
	s->control.argv = s->control_argv;
	rp_child_add_fd(&s->control, s->tables_fd, RP_FD_TABLES);
	rp_child_add_fd(&s->control, s->live_fd, RP_FD_LIVE);
	rp_child_add_fd(&s->control, s->published_fd, RP_FD_SUPERVISOR);
	rp_child_add_fd(&s->control, s->metrics_fd, RP_FD_METRICS);

	for (uint32_t i = 0; i < s->worker_count; i++) {
		struct rp_supervised_worker *w = &s->worker[i];
		struct rp_child *child = &w->child;

		w->supervisor = s;
		w->index = i;
		snprintf(w->index_text, sizeof(w->index_text), "%u", i);
		snprintf(child->program, sizeof(child->program), "%s", worker_program);
		w->argv[0] = worker_name;
		w->argv[1] = w->index_text;
		child->argv = w->argv;
		rp_child_add_fd(child, s->tables_ro_fd, RP_FD_TABLES);
		rp_child_add_fd(child, s->live_fd, RP_FD_LIVE);
		rp_child_add_fd(child, s->ext_proc_fd, RP_FD_EXT_PROC);
		rp_child_add_fd(child, s->health_fd, RP_FD_HEALTH);
		rp_child_add_fd(child, w->wake_fd, RP_FD_WAKE);
		rp_child_add_fd(child, w->secrets[0], RP_FD_SECRETS);
		rp_child_add_fd(child, w->handoff[0], RP_FD_HANDOFF);
		for (uint32_t j = 0; j < s->worker_count; j++)
			rp_child_add_fd(child, s->worker[j].handoff[1],
					RP_FD_HANDOFF_FIRST + (int)j);
		rp_child_add_fd(&s->control, w->wake_fd, RP_FD_WAKE_FIRST + (int)i);
		rp_child_add_fd(&s->control, w->secrets[1], RP_FD_SECRETS_FIRST + (int)i);
		/* The first generation is 1. */
		atomic_store_explicit(&s->shared.live->process.worker[i].generation, 1,
				      memory_order_relaxed);
	}
	return RP_OK;
}

int rp_supervisor_open_parts(struct rp_supervisor *s, struct rp_settings *settings, int argc,
			     char *const argv[], struct rp_diag *reterr)
{
	int err = open_sockets(s, settings, reterr);

	if (err != RP_OK)
		return err;
	err = rp_shared_create(settings, &s->shared);
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot create the shared segments: %s",
				   rp_err_text(err));
	err = open_channels(s);
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "cannot open descriptors: %s",
				   rp_err_text(err));
	return describe_children(s, argc, argv, reterr);
}

void rp_supervisor_end_listening(const struct rp_supervisor *s)
{
	const int fds[] = {s->ext_proc_fd, s->health_fd, s->metrics_fd};

	for (size_t i = 0; i < RP_ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0)
			(void)shutdown(fds[i], SHUT_RDWR);
	}
}
