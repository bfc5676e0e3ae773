/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/director.h"

#include "dataplane/sched/sched_plugin.h"
#include "shm/clock.h"
#include "shm/rewrite_series.h"

/* What one decision is made of. */
struct director {
	struct rp_env *env;
	struct rp_arena *arena;
	const struct rp_decision_input *input;
	struct rp_request *request;
	struct rp_decision *decision;
	const struct rp_request_rules *rules; /* NULL: nothing is published */
};

static double seconds_since(int64_t begin_ns)
{
	return (double)(rp_clock_monotonic_ns() - begin_ns) / (double)RP_NS_PER_S;
}

/* Refuse with "inference error: <Code> - <text><detail>". */
static void refuse(struct director *director, int http_status, enum rp_request_error error,
		   struct rp_bytes text, struct rp_bytes detail, const char *dropped_reason)
{
	struct rp_decision *decision = director->decision;
	struct rp_bytes code = rp_bytes_str(rp_request_error_name(error));
	struct rp_bytes prefix = RP_BYTES_LIT("inference error: ");
	size_t bytes;
	struct rp_writer w;

	detail = rp_bytes_slice(detail, 0, RP_EXT_PROC_ERROR_BYTES_MAX / 2);
	text = rp_bytes_slice(text, 0, RP_EXT_PROC_ERROR_BYTES_MAX / 2);
	bytes = prefix.len + code.len + 3 + text.len + detail.len;
	decision->http_status = http_status;
	decision->error = error;
	decision->dropped_reason = dropped_reason;
	decision->message = rp_bytes("", 0);
	w = rp_writer(rp_arena_alloc(director->arena, bytes), bytes);
	if (w.begin == NULL)
		return; /* the status says it */
	rp_write_bytes(&w, prefix);
	rp_write_bytes(&w, code);
	rp_write_str(&w, " - ");
	rp_write_bytes(&w, text);
	rp_write_bytes(&w, detail);
	RP_ASSERT(w.err == RP_OK);
	decision->message = rp_writer_bytes(&w);
}

static void refuse_body(struct director *director, struct rp_bytes text)
{
	refuse(director, 400, RP_REQUEST_ERROR_BAD_REQUEST, text, RP_BYTES_LIT(""), NULL);
}

static void refuse_memory(struct director *director)
{
	refuse(director, 429, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED,
	       RP_BYTES_LIT("no memory left for this request"), RP_BYTES_LIT(""), NULL);
}

/* The parser that took the request may be of a configuration that was replaced since. */
static void observe_parsing(struct director *director, int64_t begin_ns)
{
	const struct rp_config_blob *config = rp_sched_config(director->env->sched);
	uint32_t plugin = director->request->parser;
	uint32_t stat;

	if (config == NULL || plugin >= config->plugin_count ||
	    rp_sched_parser(rp_config_blob_plugin(config, plugin)->type) == NULL)
		return;
	stat = rp_config_plugin_stat(rp_config_blob_plugin(config, plugin), RP_EXT_REQUEST_PARSING);
	if (stat < RP_PLUGIN_STATS_MAX)
		rp_histogram_observe(&director->env->counters->plugin_duration[stat],
				     RP_BUCKETS_FAST, seconds_since(begin_ns));
}

/* Fill *request. @return false: refused */
static bool parse(struct director *director)
{
	const struct rp_decision_input *input = director->input;
	struct rp_bytes path = input->headers->path;
	struct rp_bytes error = rp_bytes("", 0);
	int64_t begin_ns = rp_clock_monotonic_ns();
	int err;

	*director->request = (struct rp_request){.max_tokens = -1};
	director->request->incoming_model = rp_bytes("", 0);
	director->request->cache_salt = rp_bytes("", 0);
	if (input->parser_error == RP_ENOTFOUND) {
		path = rp_bytes_slice(path, 0, rp_bytes_find(path, RP_BYTES_LIT("?")));
		refuse(director, 400, RP_REQUEST_ERROR_BAD_REQUEST,
		       RP_BYTES_LIT("no parser registered matching path suffix for: "), path, NULL);
		return false;
	}
	if (input->parser_error != RP_OK) {
		refuse_memory(director);
		return false;
	}
	if (input->parser == NULL)
		return true;
	err = rp_request_parser_finish(input->parser, input->body, director->request, &error);
	observe_parsing(director, begin_ns);
	if (err == RP_EFORMAT)
		refuse_body(director, error);
	else if (err != RP_OK)
		refuse_memory(director);
	return err == RP_OK;
}

static bool has_rewrites(const struct director *director)
{
	return director->rules != NULL && director->rules->rewrite_count != 0;
}

/*
 * A rule's target goes before the header's and the body's (Kubernetes reference 3.3). The rules go
 * with this turn, and the name is needed until the answer's end. @return RP_OK or RP_ENOMEM
 */
static int apply_rewrite(struct director *director)
{
	const struct rp_request_rules *rules = director->rules;
	struct rp_request *request = director->request;
	struct rp_env *env = director->env;
	const struct rp_rule_rewrite *rewrite =
		rp_request_rules_rewrite(rules, request->incoming_model);
	struct rp_bytes target;

	if (rewrite == NULL)
		return RP_OK;
	target = rp_request_rules_choose(rules, rewrite, rp_env_random(env));
	request->target_model = rp_arena_copy(director->arena, target);
	if (request->target_model.ptr == NULL && target.len > 0)
		return RP_ENOMEM;
	request->is_model_ruled = rewrite->model.len > 0;
	rp_rewrite_series_count(&env->live->worker[env->worker].rewrites,
				env->settings->metric_series_max,
				rp_request_rules_str(rules, rewrite->object),
				request->incoming_model, target, request->is_model_ruled);
	return RP_OK;
}

/* Name the target model (ext_proc reference 4.3). @return false: refused */
static bool find_model(struct director *director)
{
	struct rp_request *request = director->request;
	struct rp_bytes rewrite = director->input->headers->model_rewrite;

	request->target_model = rewrite;
	if (!request->can_rewrite_model)
		return true;
	if (rewrite.len == 0)
		request->target_model = request->incoming_model;
	if (has_rewrites(director) && apply_rewrite(director) != RP_OK) {
		refuse_memory(director);
		return false;
	}
	if (request->target_model.len == 0) {
		refuse_body(director, RP_BYTES_LIT("model not found in request body"));
		return false;
	}
	director->decision->is_model_renamed =
		!rp_bytes_equal(request->target_model, request->incoming_model);
	return true;
}

/* Unknown objectives are none. */
static void find_priority(struct director *director)
{
	struct rp_bytes objective = director->input->headers->objective;

	if (objective.len > 0 && director->rules != NULL)
		director->request->priority = rp_request_rules_priority(director->rules, objective);
}

/* Once there are rewrites, a part of the labelled series is for the models that they name: names
 * that clients make up cannot take it. */
static uint32_t series_max(const struct director *director)
{
	uint32_t max = director->env->settings->metric_series_max;

	if (!has_rewrites(director) || director->request->is_model_ruled)
		return max;
	return max - max / RP_RULED_SERIES_PART;
}

static void write_target(struct rp_writer *w, const struct rp_pick *pick, uint32_t i)
{
	if (pick->port.len == 0) {
		rp_write_bytes(w, pick->target[i].address);
		return;
	}
	rp_write_bytes(w, pick->target[i].ip);
	rp_write_u8(w, ':');
	rp_write_bytes(w, pick->port);
}

static bool write_destination(struct director *director)
{
	struct rp_decision *decision = director->decision;
	const struct rp_pick *pick = &decision->pick;
	size_t bytes = (size_t)pick->target_count * (RP_ENDPOINT_ADDRESS_MAX + 1 + pick->port.len);
	struct rp_writer w = rp_writer(rp_arena_alloc(director->arena, bytes), bytes);

	if (w.begin == NULL)
		return false;
	for (uint32_t i = 0; i < pick->target_count; i++) {
		if (i > 0)
			rp_write_u8(&w, ',');
		write_target(&w, pick, i);
	}
	RP_ASSERT(w.err == RP_OK);
	decision->destination = rp_writer_bytes(&w);
	return true;
}

static bool is_attempt(enum rp_sched_result result)
{
	return result == RP_SCHED_OK || result == RP_SCHED_ALL_FILTERED ||
	       result == RP_SCHED_NO_RESULT || result == RP_SCHED_NOT_CACHED;
}

static enum rp_sched_result schedule(struct director *director)
{
	struct rp_env *env = director->env;
	const struct rp_pick_target *best = &director->decision->pick.target[0];
	int64_t begin_ns = rp_clock_monotonic_ns();
	enum rp_sched_result result = rp_sched_pick(env->sched, &director->decision->pick);
	bool has_pick = result == RP_SCHED_OK;

	/* Who is turned away before is not scheduled: there is no attempt to count. */
	if (!is_attempt(result))
		return result;
	rp_histogram_observe(&env->counters->sched_e2e, RP_BUCKETS_FAST, seconds_since(begin_ns));
	rp_attempt_series_count(
		&env->live->worker[env->worker].attempts, series_max(director),
		has_pick ? RP_ATTEMPT_SUCCESS : RP_ATTEMPT_FAILURE, director->request->target_model,
		has_pick ? best->slot : RP_ATTEMPT_SLOT_NONE, has_pick ? best->generation : 0);
	return result;
}

static void pick(struct director *director)
{
	static const char no_endpoints[] = "rejected-no-endpoints";
	const struct rp_bytes none = RP_BYTES_LIT("");
	struct rp_bytes reason;
	enum rp_sched_result result = schedule(director);

	reason = director->decision->pick.reason;
	switch (result) {
	case RP_SCHED_OK:
		director->decision->http_status = 200;
		if (!write_destination(director)) {
			rp_followup_end(director->decision->pick.followup, director->env);
			refuse_memory(director);
		}
		break;
	case RP_SCHED_SHED:
		refuse(director, 429, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED,
		       RP_BYTES_LIT("system saturated, sheddable request dropped"), none, NULL);
		break;
	case RP_SCHED_NO_CANDIDATES:
		refuse(director, 503, RP_REQUEST_ERROR_SERVICE_UNAVAILABLE,
		       RP_BYTES_LIT("failed to find endpoint candidates for serving the request"),
		       none, no_endpoints);
		break;
	case RP_SCHED_SCREENED_OUT:
		refuse(director, 503, RP_REQUEST_ERROR_SERVICE_UNAVAILABLE,
		       RP_BYTES_LIT("screeners eliminated all endpoint candidates"), none,
		       no_endpoints);
		break;
	case RP_SCHED_DENIED:
		refuse(director, 500, RP_REQUEST_ERROR_INTERNAL,
		       RP_BYTES_LIT("request cannot be admitted: "), reason, NULL);
		break;
	case RP_SCHED_ALL_FILTERED:
		refuse(director, 429, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED,
		       RP_BYTES_LIT("no endpoints available for the given request"), none,
		       "rejected-saturated");
		break;
	case RP_SCHED_NO_RESULT:
		refuse(director, 429, RP_REQUEST_ERROR_RESOURCE_EXHAUSTED,
		       RP_BYTES_LIT("failed to find target endpoint: "), reason, NULL);
		break;
	case RP_SCHED_NOT_CACHED:
		refuse(director, 412, RP_REQUEST_ERROR_PRECONDITION_FAILED,
		       RP_BYTES_LIT("no decode worker has the requested KV cache"), none, NULL);
		break;
	}
}

static struct rp_bytes begin_cycle(const struct director *director)
{
	const struct rp_decision_input *input = director->input;
	const struct rp_sched_input sched_input = {
		.arena = director->arena,
		.parser = input->parser,
		.body = input->body,
		.headers = input->headers,
		.subset = input->subset,
		.priority = director->request->priority,
		.request = director->request,
	};

	return rp_sched_begin(director->env->sched, &sched_input);
}

void rp_director_begin(struct rp_env *env, struct rp_arena *arena,
		       const struct rp_decision_input *input, struct rp_request *request,
		       struct rp_decision *decision)
{
	struct director director = {env,     arena,    input,
				    request, decision, rp_sched_rules(env->sched)};
	struct rp_bytes fairness;

	*decision =
		(struct rp_decision){.message = rp_bytes("", 0), .destination = rp_bytes("", 0)};
	if (parse(&director) && find_model(&director))
		find_priority(&director);
	fairness = begin_cycle(&director);
	decision->series =
		rp_request_series_get(env->series, series_max(&director), request->incoming_model,
				      request->target_model, fairness, request->priority);
}

void rp_director_pick(struct rp_env *env, struct rp_arena *arena,
		      const struct rp_decision_input *input, bool is_same_cycle,
		      struct rp_request *request, struct rp_decision *decision)
{
	struct director director = {env,     arena,    input,
				    request, decision, rp_sched_rules(env->sched)};

	if (!is_same_cycle)
		(void)begin_cycle(&director);
	pick(&director);
}
