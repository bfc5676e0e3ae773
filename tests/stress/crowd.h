/* SPDX-License-Identifier: Apache-2.0
 *
 * A crowd of members that work on one shared region at the same time: as processes, of which one is
 * killed with SIGKILL every few milliseconds and started again, or as threads, for ThreadSanitizer.
 *
 * A member that finds something wrong calls crowd_fail(). Used by one program each, so all is
 * static.
 */
#ifndef RP_TESTS_STRESS_CROWD_H
#define RP_TESTS_STRESS_CROWD_H

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shm/clock.h"

enum { CROWD_MAX = 16, CROWD_KILL_US = 4000 };

struct crowd {
	int64_t run_ns;
	size_t count;
	void (*work)(uint32_t member); /* until crowd_is_over() */
	void (*bury)(uint32_t member); /* processes only: the member is dead */
	uint32_t kills;		       /* out: members killed */
};

static _Atomic bool *crowd_over; /* shared by processes */
static bool crowd_has_threads;

static inline bool crowd_is_over(void)
{
	return atomic_load_explicit(crowd_over, memory_order_relaxed);
}

/* Say what is wrong and end the program, or the process of this member with the code 1. */
__attribute__((noreturn)) static inline void crowd_fail(const char *what)
{
	fprintf(stderr, "stress: %s\n", what);
	_exit(1);
}

#define CROWD_CHECK(claim)                                                                         \
	do {                                                                                       \
		if (!(claim))                                                                      \
			crowd_fail(#claim);                                                        \
	} while (0)

/* A generator of a member's own; never 0. */
static inline uint32_t crowd_draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*seed >> 33) % below;
}

struct crowd_thread {
	const struct crowd *crowd;
	uint32_t member;
};

static void *crowd_thread_main(void *arg)
{
	const struct crowd_thread *thread = arg;

	thread->crowd->work(thread->member);
	return NULL;
}

static void crowd_run_threads(const struct crowd *crowd)
{
	struct crowd_thread args[CROWD_MAX];
	pthread_t threads[CROWD_MAX];
	const struct timespec run = {crowd->run_ns / RP_NS_PER_S, crowd->run_ns % RP_NS_PER_S};

	for (uint32_t i = 0; i < crowd->count; i++) {
		args[i] = (struct crowd_thread){crowd, i};
		CROWD_CHECK(pthread_create(&threads[i], NULL, crowd_thread_main, &args[i]) == 0);
	}
	nanosleep(&run, NULL);
	atomic_store(crowd_over, true);
	for (uint32_t i = 0; i < crowd->count; i++)
		CROWD_CHECK(pthread_join(threads[i], NULL) == 0);
}

static pid_t crowd_fork(const struct crowd *crowd, uint32_t member)
{
	pid_t pid = fork();

	CROWD_CHECK(pid >= 0);
	if (pid == 0) {
		crowd->work(member);
		_exit(0);
	}
	return pid;
}

/* Wait for a member's end; false if it found something wrong. */
static bool crowd_reap(pid_t pid, bool was_killed)
{
	int status = 0;

	CROWD_CHECK(waitpid(pid, &status, 0) == pid);
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0) ||
	       (was_killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void crowd_run_processes(struct crowd *crowd)
{
	int64_t end_ns = rp_clock_monotonic_ns() + crowd->run_ns;
	pid_t pids[CROWD_MAX];
	uint64_t seed = (uint64_t)end_ns;
	bool is_good = true;

	printf("seed %llu\n", (unsigned long long)seed);
	for (uint32_t i = 0; i < crowd->count; i++)
		pids[i] = crowd_fork(crowd, i);
	while (is_good && rp_clock_monotonic_ns() < end_ns) {
		uint32_t victim = crowd_draw(&seed, (uint32_t)crowd->count);

		usleep(1 + crowd_draw(&seed, CROWD_KILL_US));
		kill(pids[victim], SIGKILL);
		is_good = crowd_reap(pids[victim], true);
		crowd->kills++;
		crowd->bury(victim);
		pids[victim] = crowd_fork(crowd, victim);
	}
	atomic_store(crowd_over, true);
	for (uint32_t i = 0; i < crowd->count; i++)
		is_good = crowd_reap(pids[i], false) && is_good;
	if (!is_good)
		crowd_fail("a member failed");
}

/* Run as argv[1] says: "processes" or "threads". */
static inline void crowd_run(struct crowd *crowd)
{
	CROWD_CHECK(crowd->count <= CROWD_MAX);
	if (crowd_has_threads)
		crowd_run_threads(crowd);
	else
		crowd_run_processes(crowd);
}

static inline void crowd_init(int argc, char **argv)
{
	if (argc != 2 || (strcmp(argv[1], "threads") != 0 && strcmp(argv[1], "processes") != 0))
		crowd_fail("usage: (threads|processes)");
	crowd_has_threads = strcmp(argv[1], "threads") == 0;
	crowd_over = mmap(NULL, sizeof(*crowd_over), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CROWD_CHECK(crowd_over != MAP_FAILED);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

#endif /* RP_TESTS_STRESS_CROWD_H */
