/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_queue.h"

static void run(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call)
{
	call->state = RP_SIM_CALL_RUNNING;
	endpoint->running++;
	if (call->lora != RP_SIM_LORA_NONE)
		rp_sim_loras_acquire(&endpoint->loras, call->lora);
}

static void note(struct rp_sim_endpoint *endpoint, const struct rp_sim_call *call, int64_t wall_s)
{
	endpoint->metrics.is_dirty = true;
	if (call->lora != RP_SIM_LORA_NONE)
		rp_sim_loras_note(&endpoint->loras, wall_s);
}

static void append(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call)
{
	call->next = NULL;
	call->prev = endpoint->queue_last;
	if (call->prev != NULL)
		call->prev->next = call;
	else
		endpoint->queue_first = call;
	endpoint->queue_last = call;
	endpoint->waiting++;
	if (call->lora != RP_SIM_LORA_NONE)
		rp_sim_loras_set_waiting(&endpoint->loras, call->lora, true);
}

static void unlink_call(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call)
{
	if (call->prev != NULL)
		call->prev->next = call->next;
	else
		endpoint->queue_first = call->next;
	if (call->next != NULL)
		call->next->prev = call->prev;
	else
		endpoint->queue_last = call->prev;
	call->next = NULL;
	call->prev = NULL;
	endpoint->waiting--;
	if (call->lora != RP_SIM_LORA_NONE)
		rp_sim_loras_set_waiting(&endpoint->loras, call->lora, false);
}

int rp_sim_queue_submit(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call, int64_t wall_s)
{
	RP_ASSERT(call->state == RP_SIM_CALL_IDLE);
	if (endpoint->running < endpoint->tuning.max_num_seqs &&
	    rp_sim_loras_can_run(&endpoint->loras, call->lora)) {
		run(endpoint, call);
	} else if (endpoint->waiting < endpoint->options->max_waiting) {
		call->state = RP_SIM_CALL_WAITING;
		append(endpoint, call);
	} else {
		return RP_ETOOBIG;
	}
	note(endpoint, call, wall_s);
	return RP_OK;
}

void rp_sim_queue_release(struct rp_sim_endpoint *endpoint, struct rp_sim_call *call,
			  int64_t wall_s)
{
	RP_ASSERT(call->state != RP_SIM_CALL_IDLE);
	if (call->state == RP_SIM_CALL_WAITING) {
		unlink_call(endpoint, call);
	} else {
		endpoint->running--;
		if (call->lora != RP_SIM_LORA_NONE)
			rp_sim_loras_release(&endpoint->loras, call->lora);
		endpoint->needs_scan = endpoint->waiting > 0;
	}
	call->state = RP_SIM_CALL_IDLE;
	note(endpoint, call, wall_s);
}

struct rp_sim_call *rp_sim_queue_take(struct rp_sim_endpoint *endpoint, int64_t wall_s)
{
	struct rp_sim_call *best = NULL;

	if (endpoint->running >= endpoint->tuning.max_num_seqs)
		return NULL;
	for (struct rp_sim_call *call = endpoint->queue_first; call != NULL; call = call->next) {
		if (rp_sim_loras_is_loaded(&endpoint->loras, call->lora)) {
			best = call;
			break;
		}
		if (best == NULL && rp_sim_loras_can_run(&endpoint->loras, call->lora))
			best = call;
	}
	if (best == NULL)
		return NULL;
	unlink_call(endpoint, best);
	run(endpoint, best);
	note(endpoint, best, wall_s);
	return best;
}
