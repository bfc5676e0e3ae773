/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections of the ext_proc port spread evenly over the workers. Gateways open few and fat ones,
 * so the kernel's choice is not left standing: who accepts reserves a place at the least loaded
 * worker and passes the socket on before a byte of it is read. A skew that arises later, because a
 * worker died or connections ended, is mended by sending surplus ones away gracefully.
 */
#ifndef RP_DATAPLANE_BALANCE_H
#define RP_DATAPLANE_BALANCE_H

#include "shm/process.h"

struct rp_balance {
	struct rp_process_state *process;
	uint32_t worker_count;
	uint32_t self;
	uint32_t generation; /* of self */
	int64_t skewed_ns;   /* since when; 0: it is not */
	int64_t next_ns;     /* not before this time is another one sent away */
	uint32_t mismatch_ticks;
};

/**
 * Find a place for a connection that was just accepted, and pass it on.
 *
 * @param handoff_fds  write ends by worker
 * @return true: it is served here, and counted; false: another worker has it, close fd
 */
bool rp_balance_place(struct rp_balance *balance, int fd, const int *handoff_fds);

/**
 * Take a connection that another worker passed on; it is counted.
 * @return descriptor, or -1: none is waiting
 */
int rp_balance_receive(struct rp_balance *balance, int handoff_fd);

/** A counted connection of this worker is gone. */
void rp_balance_leave(struct rp_balance *balance);

/**
 * A few times a second: should this worker send a connection away?
 *
 * @param open      connections of the ext_proc port that this worker has
 * @param draining  of those, already being sent away
 */
bool rp_balance_is_surplus(struct rp_balance *balance, int64_t now_ns, uint32_t open,
			   uint32_t draining);

#endif /* RP_DATAPLANE_BALANCE_H */
