/* SPDX-License-Identifier: Apache-2.0
 *
 * What the layers above the connection need of their worker. Made by worker.c, handed down; tests
 * make their own.
 */
#ifndef RP_DATAPLANE_ENV_H
#define RP_DATAPLANE_ENV_H

#include "dataplane/arena.h"
#include "dataplane/body.h"
#include "shm/layout.h"

struct rp_sched;
struct rp_grpc_call;

/* gRPC calls of the worker, kept by grpc_call.c; zero at start, emptied by rp_grpc_fini(). */
struct rp_grpc_calls {
	struct rp_grpc_call *free;  /* records for reuse */
	struct rp_grpc_call *timed; /* open calls with a deadline, and Watch callers */
	int64_t next_ns;	    /* when rp_grpc_tick() must look; INT64_MAX: no call is timed */
};

struct rp_burst_place;

/* Requests that wait for each other, in the order of arrival; dataplane/burst.h. */
struct rp_burst_window {
	struct rp_burst_place *first;
	struct rp_burst_place *last;
	uint32_t count;
	uint32_t blocks; /* of all their prompts */
	int64_t closes_ns;
};

struct rp_env {
	struct rp_live *live;
	const struct rp_tables *tables;
	const struct rp_settings *settings;
	uint32_t worker;	      /* index */
	struct rp_counters *counters; /* this worker's block */
	struct rp_request_series_table *series;
	struct rp_arena_pool arenas;
	struct rp_body_pool bodies;
	struct rp_sched *sched;
	struct rp_grpc_calls calls;
	struct rp_burst_window burst;
	uint64_t prng[4]; /* xoshiro256**, seeded from getrandom */
	int64_t now_ns;	  /* of this turn */
};

/** Next 64 random bits (scheduling: ties; request ids). Not for secrets. */
uint64_t rp_env_random(struct rp_env *env);
/** Uniform in 0..n-1, n > 0, without modulo bias. */
uint32_t rp_env_random_below(struct rp_env *env, uint32_t n);
/** Uniform in [0, 1), in steps of 2^-53. */
double rp_env_random_unit(struct rp_env *env);

/** Health as the segment tells it: phase and is_pool_live (ext_proc reference 7). */
bool rp_env_is_live(const struct rp_env *env);
bool rp_env_is_draining(const struct rp_env *env);

#endif /* RP_DATAPLANE_ENV_H */
