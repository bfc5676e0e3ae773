/* SPDX-License-Identifier: Apache-2.0 */
#include "control/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "control/sockets.h"
#include "shm/clock.h"

int rp_child_program(const char *name, char *out, size_t out_bytes)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	int written;

	if (n < 0)
		return -errno;
	self[n] = '\0';
	slash = strrchr(self, '/');
	if (slash == NULL)
		return -ENOENT;
	*slash = '\0';
	written = snprintf(out, out_bytes, "%s/%s", self, name);
	return written < 0 || (size_t)written >= out_bytes ? RP_ETOOBIG : RP_OK;
}

void rp_child_add_fd(struct rp_child *child, int own, int inherited)
{
	RP_ASSERT(child->fd_count < RP_CHILD_FDS_MAX);
	RP_ASSERT(own >= RP_FD_OWN_FIRST);
	RP_ASSERT(inherited < RP_FD_OWN_FIRST);
	child->fds[child->fd_count++] = (struct rp_child_fd){own, inherited};
}

/* In the child. */
RP_NORETURN static void become(const struct rp_child *child, pid_t parent)
{
	static const char failed[] = "ringpick: cannot execute ";
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(RP_EXIT_FAULT);
	for (uint32_t i = 0; i < child->fd_count; i++) {
		if (dup2(child->fds[i].own, child->fds[i].inherited) < 0)
			_exit(RP_EXIT_FAULT);
	}
	(void)execv(child->program, child->argv);
	(void)!write(STDERR_FILENO, failed, sizeof(failed) - 1);
	(void)!write(STDERR_FILENO, child->program, strlen(child->program));
	(void)!write(STDERR_FILENO, "\n", 1);
	_exit(RP_EXIT_EXEC);
}

int rp_child_start(struct rp_child *child, int64_t now_ns)
{
	pid_t parent = getpid();
	pid_t pid;

	RP_ASSERT(child->pid == 0);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(child, parent);
	child->pid = pid;
	child->started_ns = now_ns;
	child->stalled_checks = 0;
	return RP_OK;
}

int64_t rp_child_note_death(struct rp_child *child, int64_t now_ns)
{
	int64_t delay_ms = RP_RESPAWN_DELAY_MIN_MS;

	child->pid = 0;
	if (now_ns - child->started_ns >= RP_QUICK_DEATH_MS * RP_NS_PER_MS) {
		child->quick_deaths = 0;
		return 0;
	}
	child->quick_deaths++;
	if (child->quick_deaths == 1)
		return 0;
	for (uint32_t i = 2; i < child->quick_deaths && delay_ms < RP_RESPAWN_DELAY_MAX_MS; i++)
		delay_ms *= 2;
	if (delay_ms > RP_RESPAWN_DELAY_MAX_MS)
		delay_ms = RP_RESPAWN_DELAY_MAX_MS;
	return delay_ms * RP_NS_PER_MS;
}

void rp_child_signal(const struct rp_child *child, int signal_number)
{
	if (child->pid != 0)
		(void)kill(child->pid, signal_number);
}
