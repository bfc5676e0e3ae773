/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/balance.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm/clock.h"

enum {
	SKEW_MS = 2000, /* so long it must last */
	PAUSE_MS = 700, /* between two: the gateway comes back meanwhile, or the count has fallen */
	RESERVE_TRIES = 64,
	MISMATCH_TICKS = 8, /* a count that is wrong for so many ticks is set right */
};

static bool is_running(const struct rp_worker_state *worker)
{
	/* Relaxed: a worker that has just died is found out by the generation, or by the send. */
	return atomic_load_explicit(&worker->pid, memory_order_relaxed) != 0 &&
	       atomic_load_explicit(&worker->is_ready, memory_order_relaxed) != 0;
}

/* The least loaded worker; ourselves among equals, because that is cheapest. */
static uint32_t least_loaded(const struct rp_balance *balance, uint32_t *ret_load)
{
	const struct rp_worker_state *workers = balance->process->worker;
	uint32_t best = balance->self;
	uint32_t load = atomic_load_explicit(&workers[best].connections, memory_order_relaxed);

	for (uint32_t i = 0; i < balance->worker_count; i++) {
		uint32_t other =
			atomic_load_explicit(&workers[i].connections, memory_order_relaxed);

		if (other < load && is_running(&workers[i])) {
			best = i;
			load = other;
		}
	}
	*ret_load = load;
	return best;
}

static uint32_t generation_of(const struct rp_worker_state *worker)
{
	/* acquire: pairs with the supervisor's store; a count reserved after it belongs to it. */
	return atomic_load_explicit(&worker->generation, memory_order_acquire);
}

static bool pass_on(int fd, int handoff_fd, uint32_t generation)
{
	struct rp_handoff_message message = {.generation = generation};
	struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
	union {
		struct cmsghdr head; /* for alignment */
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};

	memset(&control, 0, sizeof(control));
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(handoff_fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(message);
}

static void take_back(struct rp_worker_state *worker)
{
	uint32_t count = atomic_load_explicit(&worker->connections, memory_order_relaxed);

	/* Never below zero: the supervisor may have cleared it. */
	while (count > 0 &&
	       !atomic_compare_exchange_weak_explicit(&worker->connections, &count, count - 1,
						      memory_order_relaxed, memory_order_relaxed)) {
	}
}

bool rp_balance_place(struct rp_balance *balance, int fd, const int *handoff_fds)
{
	struct rp_worker_state *workers = balance->process->worker;

	for (int i = 0; i < RESERVE_TRIES; i++) {
		uint32_t load = 0;
		uint32_t best = least_loaded(balance, &load);
		uint32_t generation = generation_of(&workers[best]);

		/* Only the count that was compared may be raised: two acceptors at once must not
		 * both take the last low place. */
		if (!atomic_compare_exchange_strong_explicit(&workers[best].connections, &load,
							     load + 1, memory_order_acq_rel,
							     memory_order_relaxed))
			continue;
		if (best == balance->self)
			return true;
		if (pass_on(fd, handoff_fds[best], generation))
			return false;
		take_back(&workers[best]);
		break;
	}
	atomic_fetch_add_explicit(&workers[balance->self].connections, 1, memory_order_relaxed);
	return true;
}

int rp_balance_receive(struct rp_balance *balance, int handoff_fd)
{
	struct rp_handoff_message message = {0};
	struct iovec part = {.iov_base = &message, .iov_len = sizeof(message)};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	int fd = -1;

	do {
		ssize_t n = recvmsg(handoff_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		const struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

		if (head != NULL && head->cmsg_level == SOL_SOCKET &&
		    head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
			memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	} while (fd < 0);
	if (message.generation != balance->generation)
		atomic_fetch_add_explicit(&balance->process->worker[balance->self].connections, 1,
					  memory_order_relaxed);
	return fd;
}

void rp_balance_leave(struct rp_balance *balance)
{
	take_back(&balance->process->worker[balance->self]);
}

/* A reservation can get lost when its maker, or this worker's former self, dies at the wrong
 * moment. The count is ours to correct once it has been wrong for longer than a hand-over takes. */
static void correct_count(struct rp_balance *balance, uint32_t open)
{
	_Atomic uint32_t *shared = &balance->process->worker[balance->self].connections;
	uint32_t count = atomic_load_explicit(shared, memory_order_relaxed);

	if (count == open) {
		balance->mismatch_ticks = 0;
		return;
	}
	if (++balance->mismatch_ticks < MISMATCH_TICKS)
		return;
	balance->mismatch_ticks = 0;
	(void)atomic_compare_exchange_strong_explicit(shared, &count, open, memory_order_relaxed,
						      memory_order_relaxed);
}

bool rp_balance_is_surplus(struct rp_balance *balance, int64_t now_ns, uint32_t open,
			   uint32_t draining)
{
	const struct rp_worker_state *workers = balance->process->worker;
	uint32_t mine = open - draining;
	uint32_t least = UINT32_MAX;
	bool is_most = true;

	correct_count(balance, open);
	for (uint32_t i = 0; i < balance->worker_count; i++) {
		if (i == balance->self || !is_running(&workers[i]))
			continue;
		uint32_t load = atomic_load_explicit(&workers[i].connections, memory_order_relaxed);

		least = load < least ? load : least;
		/* One at a time: of equals the first. */
		if (load > mine || (load == mine && i < balance->self))
			is_most = false;
	}
	if (least == UINT32_MAX || !is_most || mine <= least || mine - least <= 1) {
		balance->skewed_ns = 0;
		return false;
	}
	if (balance->skewed_ns == 0) {
		balance->skewed_ns = now_ns;
		balance->next_ns = now_ns + SKEW_MS * RP_NS_PER_MS;
	}
	if (now_ns < balance->next_ns)
		return false;
	balance->next_ns = now_ns + PAUSE_MS * RP_NS_PER_MS;
	return true;
}
