/* SPDX-License-Identifier: Apache-2.0
 *
 * The window of a burst-prefix-cache-producer: requests wait here, tokenized but not scheduled,
 * until it closes; then those with equal prompts are put on one endpoint and all go on in the order
 * of their arrival (scheduling reference 3.13).
 *
 * A worker has one window. Workers close theirs at different times; who puts a prompt somewhere
 * first is followed by the others for as long as a window takes, by way of the shared keyed table.
 */
#ifndef RP_DATAPLANE_BURST_H
#define RP_DATAPLANE_BURST_H

#include "dataplane/env.h"
#include "dataplane/sched.h"
#include "dataplane/sched/burst_assign.h"

/* A waiting request's place; in the exchange's arena. */
struct rp_burst_place {
	struct rp_burst_place *prev;
	struct rp_burst_place *next;
	bool is_waiting;
	bool is_assigned;
	uint32_t slot; /* of the endpoint it was given, with its generation */
	uint32_t generation;
	uint64_t *hash; /* blocks of all prompts */
	uint32_t hash_count;
	struct rp_subset subset;
	/* The window closed: schedule. May free the place. */
	void (*resume)(struct rp_burst_place *place, void *user);
	void *user;
};

/** Is there a configuration that lets requests wait? Cheap: asked for each request. */
bool rp_burst_is_wanted(const struct rp_env *env);

/**
 * Let the request whose cycle was begun wait, if it has prompts and the window has room.
 *
 * @param place  zeroed but for subset, resume and user
 * @return true: it waits. false: go on without; the producer fails if the window was full
 */
bool rp_burst_join(struct rp_env *env, struct rp_request *request, struct rp_burst_place *place);

/** The request will not go on. */
void rp_burst_leave(struct rp_env *env, struct rp_burst_place *place);

/** Close the window if it is time. @return when to look again; INT64_MAX: nobody waits */
int64_t rp_burst_tick(struct rp_env *env);

#endif /* RP_DATAPLANE_BURST_H */
