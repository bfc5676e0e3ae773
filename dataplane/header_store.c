/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/header_store.h"

#define DEFAULT_PATH "/v1/completions"

enum header_id {
	HEADER_PATH,
	HEADER_ORIGINAL_PATH,
	HEADER_FORWARDED_PATH,
	HEADER_REQUEST_ID,
	HEADER_OBJECTIVE,
	HEADER_OBJECTIVE_ALIAS,
	HEADER_FAIRNESS,
	HEADER_FAIRNESS_ALIAS,
	HEADER_REWRITE,
	HEADER_REWRITE_ALIAS,
	HEADER_PREFER,
	HEADER_VIDEO_FPS,
	HEADER_VIDEO_DURATION,
	HEADER_VIDEO_RESOLUTION,
	HEADER_SLO_TTFT,
	HEADER_SLO_TTFT_ALIAS,
	HEADER_SLO_TPOT,
	HEADER_SLO_TPOT_ALIAS,
	HEADER_SUBSET,
	HEADER_DESTINATION,
	HEADER_SERVED,
	HEADER_DROPPED_REASON,
	HEADER_CONTENT_LENGTH,
	HEADER_COUNT,
	HEADER_OTHER = HEADER_COUNT,
};

/* What happens to a header besides being read. */
enum header_rule {
	RULE_PASS,
	RULE_OWNED,  /* not echoed; the proxy or this program sets it */
	RULE_REMOVE, /* not echoed, and removed from what goes to the model server */
};

#define KNOWN(name, rule)                                                                          \
	{                                                                                          \
		name, sizeof(name) - 1, rule                                                       \
	}

static const struct {
	const char *name;
	uint8_t len;
	uint8_t rule; /* enum header_rule */
} known_header[HEADER_COUNT] = {
	[HEADER_PATH] = KNOWN(":path", RULE_PASS),
	[HEADER_ORIGINAL_PATH] = KNOWN("x-original-path", RULE_PASS),
	[HEADER_FORWARDED_PATH] = KNOWN("x-forwarded-path", RULE_PASS),
	[HEADER_REQUEST_ID] = KNOWN("x-request-id", RULE_PASS),
	[HEADER_OBJECTIVE] = KNOWN("x-llm-d-inference-objective", RULE_REMOVE),
	[HEADER_OBJECTIVE_ALIAS] = KNOWN("x-gateway-inference-objective", RULE_REMOVE),
	[HEADER_FAIRNESS] = KNOWN("x-llm-d-inference-fairness-id", RULE_REMOVE),
	[HEADER_FAIRNESS_ALIAS] = KNOWN("x-gateway-inference-fairness-id", RULE_REMOVE),
	[HEADER_REWRITE] = KNOWN("x-llm-d-model-name-rewrite", RULE_REMOVE),
	[HEADER_REWRITE_ALIAS] = KNOWN("x-gateway-model-name-rewrite", RULE_REMOVE),
	[HEADER_PREFER] = KNOWN("prefer", RULE_PASS),
	[HEADER_VIDEO_FPS] = KNOWN("x-llm-d-video-fps", RULE_REMOVE),
	[HEADER_VIDEO_DURATION] = KNOWN("x-llm-d-video-duration-seconds", RULE_REMOVE),
	[HEADER_VIDEO_RESOLUTION] = KNOWN("x-llm-d-video-resolution", RULE_REMOVE),
	[HEADER_SLO_TTFT] = KNOWN("x-llm-d-slo-ttft-ms", RULE_REMOVE),
	[HEADER_SLO_TTFT_ALIAS] = KNOWN("x-slo-ttft-ms", RULE_REMOVE),
	[HEADER_SLO_TPOT] = KNOWN("x-llm-d-slo-tpot-ms", RULE_REMOVE),
	[HEADER_SLO_TPOT_ALIAS] = KNOWN("x-slo-tpot-ms", RULE_REMOVE),
	[HEADER_SUBSET] = KNOWN("x-gateway-destination-endpoint-subset", RULE_REMOVE),
	[HEADER_DESTINATION] = KNOWN("x-gateway-destination-endpoint", RULE_OWNED),
	[HEADER_SERVED] = KNOWN("x-gateway-destination-endpoint-served", RULE_REMOVE),
	[HEADER_DROPPED_REASON] = KNOWN("x-llm-d-request-dropped-reason", RULE_REMOVE),
	[HEADER_CONTENT_LENGTH] = KNOWN("content-length", RULE_OWNED),
};

static enum header_id find_known(struct rp_bytes name)
{
	for (unsigned i = 0; i < HEADER_COUNT; i++) {
		if (name.len == known_header[i].len &&
		    rp_bytes_equal_nocase(name, rp_bytes(known_header[i].name, name.len)))
			return (enum header_id)i;
	}
	return HEADER_OTHER;
}

static bool ends_with_nocase(struct rp_bytes a, struct rp_bytes suffix)
{
	return a.len >= suffix.len &&
	       rp_bytes_equal_nocase(rp_bytes_slice(a, a.len - suffix.len, suffix.len), suffix);
}

/* x-prefiller-host-port, x-encoder-hosts-ports and whatever else sends a model server elsewhere. */
static bool is_host_port(struct rp_bytes name)
{
	return rp_bytes_equal_nocase(rp_bytes_slice(name, 0, 2), RP_BYTES_LIT("x-")) &&
	       (ends_with_nocase(name, RP_BYTES_LIT("-host-port")) ||
		ends_with_nocase(name, RP_BYTES_LIT("-hosts-ports")));
}

static enum header_rule header_rule(enum header_id id, struct rp_bytes name)
{
	if (id != HEADER_OTHER)
		return (enum header_rule)known_header[id].rule;
	return is_host_port(name) ? RULE_REMOVE : RULE_PASS;
}

static struct rp_bytes copy_lower(struct rp_arena *arena, struct rp_bytes name)
{
	uint8_t *copy = rp_arena_alloc(arena, name.len);

	for (size_t i = 0; copy != NULL && i < name.len; i++)
		copy[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (uint8_t)(name.ptr[i] | 0x20)
								   : name.ptr[i];
	return rp_bytes(copy, copy == NULL ? 0 : name.len);
}

/* One look at all headers; views into the map. */
struct survey {
	uint32_t count;
	uint32_t remove_count;
	struct rp_bytes remove[RP_HTTP_HEADERS_MAX];
	struct rp_bytes value[HEADER_COUNT]; /* the last one counts */
};

static void note_removed(struct survey *survey, struct rp_bytes name)
{
	for (uint32_t i = 0; i < survey->remove_count; i++) {
		if (rp_bytes_equal_nocase(survey->remove[i], name))
			return;
	}
	survey->remove[survey->remove_count++] = name;
}

/* @return RP_OK; RP_EFORMAT; RP_ETOOBIG: more than the limits allow */
static int take_survey(struct rp_bytes map, struct survey *survey)
{
	struct rp_reader r = rp_reader(map);
	struct rp_header header;
	size_t bytes = 0;

	survey->count = 0;
	survey->remove_count = 0;
	memset(survey->value, 0, sizeof(survey->value));
	while (rp_ext_proc_next_header(&r, &header)) {
		enum header_id id = find_known(header.name);

		bytes += header.name.len + header.value.len;
		if (++survey->count > RP_HTTP_HEADERS_MAX || bytes > RP_HTTP_HEADER_BYTES_MAX)
			return RP_ETOOBIG;
		if (header_rule(id, header.name) == RULE_REMOVE)
			note_removed(survey, header.name);
		if (id != HEADER_OTHER)
			survey->value[id] = header.value;
	}
	return r.err;
}

static int add_echo(struct rp_header *echo, uint32_t *count, struct rp_arena *arena,
		    const struct rp_header *header)
{
	uint32_t at = 0;

	while (at < *count && !rp_bytes_equal_nocase(echo[at].name, header->name))
		at++;
	echo[at].name = copy_lower(arena, header->name);
	echo[at].value = rp_arena_copy(arena, header->value);
	if (echo[at].name.ptr == NULL || (echo[at].value.ptr == NULL && header->value.len > 0))
		return RP_ENOMEM;
	if (at == *count)
		(*count)++;
	return RP_OK;
}

static int make_echo(struct rp_arena *arena, struct rp_bytes map, uint32_t room,
		     struct rp_header **ret_headers, uint32_t *ret_count)
{
	struct rp_header *echo = rp_arena_alloc(arena, room * sizeof(*echo));
	struct rp_reader r = rp_reader(map);
	struct rp_header header;
	uint32_t count = 0;

	if (echo == NULL)
		return RP_ENOMEM;
	while (rp_ext_proc_next_header(&r, &header)) {
		if (header_rule(find_known(header.name), header.name) != RULE_PASS)
			continue;
		int err = add_echo(echo, &count, arena, &header);

		if (err != RP_OK)
			return err;
	}
	*ret_headers = echo;
	*ret_count = count;
	return RP_OK;
}

int rp_header_store_echo(struct rp_arena *arena, struct rp_bytes header_map,
			 struct rp_header **ret_headers, uint32_t *ret_count)
{
	struct survey survey;
	int err = take_survey(header_map, &survey);

	return err == RP_OK ? make_echo(arena, header_map, survey.count, ret_headers, ret_count)
			    : err;
}

static struct rp_bytes first_present(const struct rp_bytes *values, enum header_id first,
				     enum header_id second)
{
	return values[first].len > 0 ? values[first] : values[second];
}

static void resolve(struct rp_header_store *store, const struct rp_bytes *values)
{
	struct rp_request_headers *known = &store->known;

	known->path = first_present(values, HEADER_PATH, HEADER_ORIGINAL_PATH);
	if (known->path.len == 0)
		known->path = values[HEADER_FORWARDED_PATH];
	if (known->path.len == 0)
		known->path = RP_BYTES_LIT(DEFAULT_PATH);
	known->request_id = values[HEADER_REQUEST_ID];
	known->objective = first_present(values, HEADER_OBJECTIVE, HEADER_OBJECTIVE_ALIAS);
	known->fairness_id = first_present(values, HEADER_FAIRNESS, HEADER_FAIRNESS_ALIAS);
	known->model_rewrite = first_present(values, HEADER_REWRITE, HEADER_REWRITE_ALIAS);
	known->prefer = values[HEADER_PREFER];
	known->hints.video_fps = values[HEADER_VIDEO_FPS];
	known->hints.video_duration_seconds = values[HEADER_VIDEO_DURATION];
	known->hints.video_resolution = values[HEADER_VIDEO_RESOLUTION];
	store->has_request_id = known->request_id.len > 0;
}

/* The map lies in a buffer that goes away: what is needed of it is copied. */
static bool keep_values(struct rp_header_store *store, struct rp_arena *arena,
			const struct survey *survey)
{
	struct rp_bytes value[HEADER_COUNT] = {0};

	for (unsigned id = 0; id < HEADER_SLO_TTFT; id++) {
		if (survey->value[id].len == 0)
			continue;
		value[id] = rp_arena_copy(arena, survey->value[id]);
		if (value[id].ptr == NULL)
			return false;
	}
	resolve(store, value);
	return true;
}

static bool keep_removed(struct rp_header_store *store, struct rp_arena *arena,
			 const struct survey *survey)
{
	if (survey->remove_count == 0)
		return true;
	store->remove = rp_arena_alloc(arena, survey->remove_count * sizeof(*store->remove));
	if (store->remove == NULL)
		return false;
	while (store->remove_count < survey->remove_count) {
		struct rp_bytes lower = copy_lower(arena, survey->remove[store->remove_count]);

		if (lower.ptr == NULL)
			return false;
		store->remove[store->remove_count++] = lower;
	}
	return true;
}

/* One of the headers that plugins read, if the map has it: the last of equal names. */
static int keep_wanted_one(struct rp_request_headers *known, struct rp_arena *arena,
			   struct rp_bytes map, struct rp_bytes name)
{
	struct rp_header *wanted = &known->wanted[known->wanted_count];
	struct rp_reader r = rp_reader(map);
	struct rp_bytes value = rp_bytes("", 0);
	struct rp_header header;

	while (rp_ext_proc_next_header(&r, &header)) {
		if (rp_bytes_equal_nocase(header.name, name))
			value = header.value;
	}
	if (value.len == 0)
		return RP_OK;
	/* The configuration may be replaced before the pick. */
	wanted->name = rp_arena_copy(arena, name);
	wanted->value = rp_arena_copy(arena, value);
	known->wanted_count++;
	return wanted->name.ptr != NULL && wanted->value.ptr != NULL ? RP_OK : RP_ENOMEM;
}

static int keep_wanted(struct rp_header_store *store, struct rp_arena *arena, struct rp_bytes map,
		       const struct rp_config_blob *config)
{
	struct rp_config_array names = {NULL, 0};
	const struct rp_config_str *name;
	int err = RP_OK;

	if (config != NULL)
		names = rp_config_blob_list(config, config->headers, sizeof(*name));
	if (names.count == 0)
		return RP_OK;
	store->known.wanted = rp_arena_alloc(arena, names.count * sizeof(*store->known.wanted));
	if (store->known.wanted == NULL)
		return RP_ENOMEM;
	name = names.ptr;
	for (uint32_t i = 0; i < names.count && err == RP_OK; i++)
		err = keep_wanted_one(&store->known, arena, map,
				      rp_config_blob_str(config, name[i]));
	return err;
}

int rp_header_store_fill(struct rp_header_store *store, struct rp_arena *arena,
			 struct rp_bytes header_map, const struct rp_config_blob *config,
			 bool has_echo)
{
	struct survey survey;
	int err = take_survey(header_map, &survey);

	*store = (struct rp_header_store){0};
	if (err != RP_OK)
		return err;
	if (!keep_values(store, arena, &survey) || !keep_removed(store, arena, &survey))
		return RP_ENOMEM;
	err = keep_wanted(store, arena, header_map, config);
	if (err != RP_OK)
		return err;
	return has_echo ? make_echo(arena, header_map, survey.count, &store->echo,
				    &store->echo_count)
			: RP_OK;
}
