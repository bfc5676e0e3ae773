/* SPDX-License-Identifier: Apache-2.0
 *
 * The LoRA adapters of one endpoint: which names it knows, which are loaded, who uses them, and the
 * series of vllm:lora_requests_info. An index stays that of its name as long as the endpoint lives.
 */
#ifndef RP_PERF_SIM_LORA_H
#define RP_PERF_SIM_LORA_H

#include "perf/sim/sim_buf.h"
#include "shm/limits.h"

enum { RP_SIM_LORA_WORDS = RP_SIM_LORAS_MAX / 64 };

struct rp_sim_lora {
	char *name;
	char *path;
	bool is_listed; /* by --lora-modules or load_lora_adapter */
	bool is_loaded; /* occupies one of max_loras places */
	uint32_t running;
	uint32_t waiting;
};

/* Sets of adapters as bits, so that a transition finds its series without building labels. */
struct rp_sim_lora_series {
	uint64_t running[RP_SIM_LORA_WORDS];
	uint64_t waiting[RP_SIM_LORA_WORDS];
	char *running_label;
	char *waiting_label;
	int64_t wall_s; /* last time it was true */
};

struct rp_sim_loras {
	struct rp_sim_lora *items; /* owned */
	uint32_t count;
	uint32_t loaded_count;
	uint32_t max_loras;
	struct rp_sim_lora_series *series; /* owned; sorted by labels */
	uint32_t series_count;
};

enum { RP_SIM_LORA_NONE = -1 }; /* a request for the base model */

/** Prepare an endpoint without adapters; the series of two empty lists is there from the start. */
void rp_sim_loras_init(struct rp_sim_loras *loras, uint32_t max_loras, int64_t wall_s);
void rp_sim_loras_fini(struct rp_sim_loras *loras);

/** List an adapter; an old one of the same name gets the new path. RP_OK, RP_ETOOBIG, RP_ENOMEM. */
RP_MUST_CHECK int rp_sim_loras_list(struct rp_sim_loras *loras, struct rp_bytes name,
				    struct rp_bytes path);
/** Unlist an adapter; requests under way go on. Nothing happens for an unknown name. */
void rp_sim_loras_unlist(struct rp_sim_loras *loras, struct rp_bytes name);
/** Index of a listed adapter, or RP_SIM_LORA_NONE. */
int32_t rp_sim_loras_find(const struct rp_sim_loras *loras, struct rp_bytes name);

/** A request for it could run now: it is loaded, or there is a place for it. */
bool rp_sim_loras_can_run(const struct rp_sim_loras *loras, int32_t idx);
bool rp_sim_loras_is_loaded(const struct rp_sim_loras *loras, int32_t idx);
/** A request begins to run; rp_sim_loras_can_run() holds. */
void rp_sim_loras_acquire(struct rp_sim_loras *loras, int32_t idx);
void rp_sim_loras_release(struct rp_sim_loras *loras, int32_t idx);
/** A request begins (true) or ends to wait. */
void rp_sim_loras_set_waiting(struct rp_sim_loras *loras, int32_t idx, bool is_waiting);
/** Stamp the series of the present state. */
void rp_sim_loras_note(struct rp_sim_loras *loras, int64_t wall_s);

#endif /* RP_PERF_SIM_LORA_H */
