/* SPDX-License-Identifier: Apache-2.0 */
#include "config/model.h"

/* The blob being written: records are taken from `end`, zeroed and 8-aligned. */
struct compiler {
	const struct rp_model *model;
	struct rp_config_blob *blob;
	size_t room;
	size_t end;
	struct rp_pool pool; /* the model's, with the names behind it */
	int err;
};

/* Room for count records; its offset, and NULL once the blob is full. */
static void *take(struct compiler *c, size_t count, size_t size, uint32_t *ret_offset)
{
	size_t bytes = rp_align_up(count * size, 8);

	if (c->err != RP_OK || bytes > c->room - c->end) {
		c->err = RP_ETOOBIG;
		return NULL;
	}
	uint8_t *begin = (uint8_t *)c->blob + c->end;

	memset(begin, 0, bytes);
	*ret_offset = (uint32_t)c->end;
	c->end += bytes;
	return begin;
}

static struct rp_config_str put_str(struct compiler *c, struct rp_bytes text)
{
	struct rp_config_str str = {0};

	if (c->err == RP_OK)
		c->err = rp_pool_put_str(&c->pool, text, &str);
	return str;
}

/* The extension points that plugin_duration_seconds tells apart, a bit for each. */
static uint32_t points_of(enum rp_plugin_type type)
{
	static const struct {
		uint32_t kind;
		uint32_t points;
	} of_kind[] = {
		{RP_KIND_PROFILE_HANDLER,
		 1u << RP_EXT_PROFILE_PICKER | 1u << RP_EXT_PROCESS_RESULTS},
		{RP_KIND_FILTER, 1u << RP_EXT_FILTER},
		{RP_KIND_SCORER, 1u << RP_EXT_SCORER},
		{RP_KIND_PICKER, 1u << RP_EXT_PICKER},
		{RP_KIND_PARSER, 1u << RP_EXT_REQUEST_PARSING},
		{RP_KIND_PRODUCER, 1u << RP_EXT_DATA_PRODUCER},
		{RP_KIND_PRE_REQUEST, 1u << RP_EXT_PRE_REQUEST},
		{RP_KIND_HEADER_PROCESSOR, 1u << RP_EXT_REQUEST_HEADER},
		{RP_KIND_SCREENER, 1u << RP_EXT_SCREENER},
		{RP_KIND_ADMITTER, 1u << RP_EXT_ADMISSION},
	};
	uint32_t kinds = rp_plugin_type_kinds(type);
	uint32_t points = 0;

	for (size_t i = 0; i < RP_ARRAY_LEN(of_kind); i++) {
		if ((kinds & of_kind[i].kind) != 0)
			points |= of_kind[i].points;
	}
	return points;
}

/* Names for the plugin's extension points, as far as there is room. */
static void put_stats(const struct rp_model_plugin *plugin, struct rp_config_plugin *record,
		      struct rp_plugin_stat *stats, uint32_t *stat_count)
{
	uint32_t points = points_of(plugin->type);

	record->stat_first = RP_CONFIG_NONE;
	if (points == 0 || *stat_count + (uint32_t)__builtin_popcount(points) > RP_PLUGIN_STATS_MAX)
		return;
	record->stat_first = *stat_count;
	record->stat_points = points;
	for (uint32_t point = 0; point < RP_EXTENSION_POINTS; point++) {
		struct rp_plugin_stat *stat = &stats[*stat_count];

		if ((points & 1u << point) == 0)
			continue;
		stat->extension_point = point;
		rp_bytes_to_str(plugin->type_name, stat->plugin_type, sizeof(stat->plugin_type));
		rp_bytes_to_str(plugin->name, stat->plugin_name, sizeof(stat->plugin_name));
		++*stat_count;
	}
}

static void put_plugins(struct compiler *c, struct rp_plugin_stat *stats)
{
	const struct rp_model *model = c->model;
	uint32_t stat_count = 0;
	struct rp_config_plugin *records =
		take(c, model->plugin_count, sizeof(*records), &c->blob->plugins_offset);

	for (uint32_t i = 0; i < model->plugin_count && records != NULL; i++) {
		const struct rp_model_plugin *plugin = &model->plugin[i];
		uint32_t bytes = rp_config_params_bytes(plugin->type);

		records[i].type = (uint32_t)plugin->type;
		records[i].name = put_str(c, plugin->name);
		records[i].params_bytes = bytes;
		put_stats(plugin, &records[i], stats, &stat_count);
		if (bytes == 0)
			continue;
		void *room = take(c, 1, bytes, &records[i].params_offset);

		if (room != NULL)
			memcpy(room, &plugin->params, bytes);
	}
	memset(&stats[stat_count], 0, (RP_PLUGIN_STATS_MAX - stat_count) * sizeof(*stats));
	c->blob->plugin_count = model->plugin_count;
}

/* The profile's plugins of one kind, in the order of the file. A plugin listed twice counts twice.
 */
static uint32_t put_refs(const struct rp_model *model, const struct rp_model_profile *profile,
			 uint32_t kind, struct rp_config_ref *refs, uint32_t *ref_count)
{
	uint32_t first = *ref_count;

	for (uint32_t i = 0; i < profile->ref_count; i++) {
		const struct rp_model_ref *ref = &profile->ref[i];

		if ((rp_plugin_type_kinds(model->plugin[ref->plugin].type) & kind) != 0)
			refs[(*ref_count)++] = (struct rp_config_ref){.plugin = ref->plugin,
								      .weight = ref->weight};
	}
	return *ref_count - first;
}

static void put_profiles(struct compiler *c)
{
	const struct rp_model *model = c->model;
	struct rp_config_profile *records =
		take(c, model->profile_count, sizeof(*records), &c->blob->profiles_offset);
	uint32_t ref_max = 0;
	uint32_t ref_count = 0;

	for (uint32_t i = 0; i < model->profile_count; i++)
		ref_max += 2 * model->profile[i].ref_count; /* a filter may be a scorer too */
	struct rp_config_ref *refs = take(c, ref_max, sizeof(*refs), &c->blob->refs_offset);

	if (records == NULL || refs == NULL)
		return;
	for (uint32_t i = 0; i < model->profile_count; i++) {
		const struct rp_model_profile *profile = &model->profile[i];

		records[i].name = put_str(c, profile->name);
		records[i].picker = profile->picker;
		records[i].filter_first = ref_count;
		records[i].filter_count =
			put_refs(model, profile, RP_KIND_FILTER, refs, &ref_count);
		records[i].scorer_first = ref_count;
		records[i].scorer_count =
			put_refs(model, profile, RP_KIND_SCORER, refs, &ref_count);
	}
	c->blob->profile_count = model->profile_count;
	c->blob->ref_count = ref_count;
}

static void put_indices(struct compiler *c)
{
	const struct rp_model *model = c->model;
	uint32_t *parsers =
		take(c, model->parser_count, sizeof(*parsers), &c->blob->parsers_offset);
	uint32_t *producers =
		take(c, model->producer_count, sizeof(*producers), &c->blob->producers_offset);

	if (parsers == NULL || producers == NULL)
		return;
	/* Default parsers may be waiting to be built. */
	for (uint32_t i = 0; i < model->parser_count; i++) {
		uint32_t plugin = model->parser[i].plugin;

		if (rp_plugin_type_state(model->plugin[plugin].type) == RP_STATE_BUILT)
			parsers[c->blob->parser_count++] = plugin;
	}
	for (uint32_t i = 0; i < model->producer_count; i++)
		producers[i] = model->producer[i];
	c->blob->producer_count = model->producer_count;
}

static void put_pool(struct compiler *c)
{
	void *room = take(c, c->pool.bytes, 1, &c->blob->pool_offset);

	if (room == NULL)
		return;
	memcpy(room, c->pool.data, c->pool.bytes);
	c->blob->pool_bytes = c->pool.bytes;
}

int rp_model_compile(const struct rp_model *model, uint64_t generation, struct rp_config_blob *blob,
		     size_t blob_bytes, struct rp_plugin_stat *stats)
{
	struct compiler c = {model,	  blob, blob_bytes, rp_align_up(sizeof(*blob), 8),
			     model->pool, RP_OK};

	if (blob_bytes < c.end)
		return rp_diag_set(model->diag, RP_ETOOBIG, 0, 0, "no room for the configuration");
	*blob = (struct rp_config_blob){
		.magic = RP_CONFIG_MAGIC,
		.generation = generation,
		.profile_handler = model->profile_handler,
		.headers = model->headers,
		.detector = model->detector,
		.match_info_count = model->match_info_count,
	};
	put_plugins(&c, stats);
	put_profiles(&c);
	put_indices(&c);
	put_pool(&c);
	blob->bytes = (uint32_t)c.end;
	if (c.err != RP_OK)
		return rp_diag_set(model->diag, RP_ETOOBIG, 0, 0,
				   "the compiled configuration does not fit into %zu bytes",
				   blob_bytes);
	RP_ASSERT(rp_config_blob_check(blob, blob_bytes) == RP_OK);
	return RP_OK;
}
