/* SPDX-License-Identifier: Apache-2.0 */
#include "control/engine_metrics.h"

#include <math.h>
#include <stdlib.h>

#include "shm/hash.h"

/* Data layer reference 2. */
static const struct rp_engine_config built_in[] = {
	{
		.name = "vllm",
		.spec = {"vllm:num_requests_waiting", "vllm:num_requests_running",
			 "vllm:kv_cache_usage_perc", "vllm:lora_requests_info",
			 "vllm:cache_config_info"},
	},
	{
		.name = "sglang",
		.spec = {"sglang:num_queue_reqs", "sglang:num_running_reqs", "sglang:token_usage",
			 "", "sglang:cache_config_info"},
		.block_size_label = "page_size",
		.num_blocks_label = "num_pages",
	},
	{
		.name = "trtllm-serve",
		.spec = {"trtllm_num_requests_waiting", "trtllm_num_requests_running",
			 "trtllm_kv_cache_utilization", "", "", "trtllm_kv_cache_tokens_per_block",
			 "trtllm_kv_cache_max_blocks"},
	},
	{
		.name = "triton-tensorrt-llm",
		.spec = {"nv_trt_llm_request_metrics{request_type=waiting}",
			 "nv_trt_llm_request_metrics{request_type=scheduled}",
			 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}", "", "",
			 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}",
			 "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}"},
	},
	{
		.name = "triton",
		.spec = {"nv_inference_pending_request_count", "nv_inference_exec_count"},
	},
};

static_assert(RP_PROM_NAMES_MAX >= RP_ENGINE_ALL_FIELDS, "every field may have its own family");
static_assert(RP_ENGINE_ALL_FIELDS <= 32, "a bit for each field");

struct rp_engines {
	size_t count;
	const struct rp_engine *fallback;
	struct rp_engine engine[];
};

static const struct rp_engine *find(const struct rp_engines *engines, struct rp_bytes name)
{
	for (size_t i = 0; i < engines->count; i++) {
		if (rp_bytes_equal_str(name, engines->engine[i].config.name))
			return &engines->engine[i];
	}
	return NULL;
}

static struct rp_bytes label_or(const char *text, const char *otherwise)
{
	return rp_bytes_str(text[0] != '\0' ? text : otherwise);
}

static const char *spec_text(const struct rp_engine_config *config, uint32_t field)
{
	return field < RP_ENGINE_FIELDS ? config->spec[field]
					: config->custom_spec[field - RP_ENGINE_FIELDS];
}

static int add_engine(struct rp_engines *engines, const struct rp_engine_config *config,
		      struct rp_diag *reterr)
{
	struct rp_engine *engine = &engines->engine[engines->count];

	engine->config = *config;
	engine->block_size_label = label_or(engine->config.block_size_label, "block_size");
	engine->num_blocks_label = label_or(engine->config.num_blocks_label, "num_gpu_blocks");
	for (uint32_t field = 0; field < RP_ENGINE_ALL_FIELDS; field++) {
		struct rp_metric_spec *spec = &engine->spec[field];
		const char *text = spec_text(&engine->config, field);
		uint32_t family;
		int err;

		err = rp_metric_spec_parse(rp_bytes_str(text), spec, reterr);
		if (err != RP_OK)
			return err;
		if (spec->name.len == 0)
			continue;
		err = rp_prom_names_add(&engine->names, spec->name, &family);
		RP_ASSERT(err == RP_OK);
		engine->fields_of[family] |= 1u << field;
	}
	rp_prom_names_seal(&engine->names);
	engines->count++;
	return RP_OK;
}

static int add_configured(struct rp_engines *engines, const struct rp_engine_config *config,
			  struct rp_diag *reterr)
{
	struct rp_bytes name = rp_bytes_str(config->name);

	if (name.len == 0)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "an engineConfigs entry has no name");
	if (rp_bytes_equal_str(name, "default"))
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "engineConfigs: the name 'default' is reserved; use "
				   "defaultEngine to choose the default");
	if (find(engines, name) != NULL)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0, "engineConfigs: '%s' is there twice",
				   config->name);
	return add_engine(engines, config, reterr);
}

int rp_engines_new(const struct rp_engine_config *configs, size_t config_count,
		   const char *default_engine, struct rp_engines **ret_engines,
		   struct rp_diag *reterr)
{
	struct rp_engines *engines;
	int err = RP_OK;

	if (config_count > RP_ENGINES_MAX - RP_ARRAY_LEN(built_in))
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "engineConfigs has more than %zu entries",
				   RP_ENGINES_MAX - RP_ARRAY_LEN(built_in));
	engines = calloc(1, sizeof(*engines) + (config_count + RP_ARRAY_LEN(built_in)) *
						       sizeof(engines->engine[0]));
	if (engines == NULL)
		return RP_ENOMEM;
	for (size_t i = 0; err == RP_OK && i < config_count; i++)
		err = add_configured(engines, &configs[i], reterr);
	for (size_t i = 0; err == RP_OK && i < RP_ARRAY_LEN(built_in); i++) {
		if (find(engines, rp_bytes_str(built_in[i].name)) == NULL)
			err = add_engine(engines, &built_in[i], reterr);
	}
	if (err == RP_OK) {
		engines->fallback = find(engines, label_or(default_engine, "vllm"));
		if (engines->fallback == NULL)
			err = rp_diag_set(
				reterr, RP_ECONFIG, 0, 0,
				"defaultEngine '%s' is neither built in nor in engineConfigs",
				default_engine);
	}
	if (err != RP_OK) {
		free(engines);
		return err;
	}
	*ret_engines = engines;
	return RP_OK;
}

void rp_engines_free(struct rp_engines *engines)
{
	free(engines);
}

const struct rp_engine *rp_engines_borrow(const struct rp_engines *engines, struct rp_bytes name)
{
	const struct rp_engine *engine = find(engines, name);

	return engine != NULL ? engine : engines->fallback;
}

/* ---- one page ---- */

void rp_extraction_begin(struct rp_extraction *extraction, const struct rp_engine *engine)
{
	memset(extraction, 0, sizeof(*extraction));
	extraction->engine = engine;
	for (uint32_t field = 0; field < RP_ENGINE_ALL_FIELDS; field++) {
		extraction->timestamp_ms[field] = -1;
		extraction->value[field] = -1;
	}
}

static const struct rp_bytes *find_label(const struct rp_prom_sample *sample, struct rp_bytes name)
{
	for (uint32_t i = 0; i < sample->label_count; i++) {
		if (rp_bytes_equal(sample->label[i].name, name))
			return &sample->label[i].value;
	}
	return NULL;
}

static bool is_selected(const struct rp_metric_spec *spec, const struct rp_prom_sample *sample)
{
	for (uint32_t i = 0; i < spec->label_count; i++) {
		const struct rp_bytes *value = find_label(sample, spec->label[i].name);
		if (value == NULL || !rp_bytes_equal(*value, spec->label[i].value))
			return false;
	}
	return true;
}

static int32_t clamp_i32(int64_t value)
{
	return (int32_t)(value < INT32_MIN ? INT32_MIN : value > INT32_MAX ? INT32_MAX : value);
}

/* A decimal number with an optional sign, as Go's strconv.Atoi; what is above 32 bits is clamped.
 */
static bool parse_int(struct rp_bytes text, int32_t *ret_value)
{
	bool is_negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t magnitude;

	if (is_negative || (text.len > 0 && text.ptr[0] == '+'))
		text = rp_bytes_slice(text, 1, SIZE_MAX);
	if (rp_bytes_to_u64(text, INT64_MAX, &magnitude) != RP_OK)
		return false;
	*ret_value = clamp_i32(is_negative ? -(int64_t)magnitude : (int64_t)magnitude);
	return true;
}

/* Truncate toward zero. NaN has no integer: the previous figure stays. */
static int32_t to_i32(double value, int32_t previous)
{
	if (isnan(value))
		return previous;
	if (value >= (double)INT32_MAX)
		return INT32_MAX;
	return value <= (double)INT32_MIN ? INT32_MIN : (int32_t)value;
}

/* Hashes of the distinct names in a comma-separated list; those above the bound are left out. */
static uint32_t read_adapters(const struct rp_prom_sample *sample, const char *label,
			      uint64_t hash[RP_LORA_NAMES_MAX])
{
	const struct rp_bytes *list = find_label(sample, rp_bytes_str(label));
	struct rp_bytes left = list != NULL ? *list : rp_bytes(NULL, 0);
	uint32_t count = 0;

	while (left.len > 0 && count < RP_LORA_NAMES_MAX) {
		size_t comma = rp_min_size(rp_bytes_find(left, RP_BYTES_LIT(",")), left.len);
		struct rp_bytes name = rp_bytes_trim(rp_bytes_slice(left, 0, comma));
		uint32_t same = 0;
		uint64_t h;

		left = rp_bytes_slice(left, comma + 1, SIZE_MAX);
		if (name.len == 0)
			continue;
		h = rp_hash64_bytes(name);
		while (same < count && hash[same] != h)
			same++;
		if (same == count)
			hash[count++] = h;
	}
	return count;
}

/* Every set of adapters is a series of its own and old ones stay: the highest value is the latest.
 */
static void on_lora(struct rp_extraction *x, const struct rp_prom_sample *sample)
{
	const struct rp_bytes *max;

	if (!(sample->value > x->value[RP_ENGINE_LORA]))
		return;
	x->value[RP_ENGINE_LORA] = sample->value;
	x->found |= 1u << RP_ENGINE_LORA;
	x->figures.lora_active_count =
		read_adapters(sample, "running_lora_adapters", x->figures.lora_active);
	x->figures.lora_waiting_count =
		read_adapters(sample, "waiting_lora_adapters", x->figures.lora_waiting);
	max = find_label(sample, RP_BYTES_LIT("max_lora"));
	x->has_lora_max = max != NULL && parse_int(*max, &x->figures.lora_max);
	x->is_lora_max_bad = max != NULL && max->len > 0 && !x->has_lora_max;
}

static void on_cache_info(struct rp_extraction *x, const struct rp_prom_sample *sample)
{
	const struct rp_bytes *size = find_label(sample, x->engine->block_size_label);
	const struct rp_bytes *blocks = find_label(sample, x->engine->num_blocks_label);

	x->has_block_size = size != NULL && parse_int(*size, &x->figures.cache_block_size);
	x->has_num_blocks = blocks != NULL && parse_int(*blocks, &x->figures.cache_num_blocks);
	x->has_error = (size != NULL && size->len > 0 && !x->has_block_size) ||
		       (blocks != NULL && blocks->len > 0 && !x->has_num_blocks);
}

void rp_extraction_on_sample(void *extraction, const struct rp_prom_sample *sample)
{
	struct rp_extraction *x = extraction;
	uint32_t left = x->engine->fields_of[sample->family];

	for (; left != 0; left &= left - 1) {
		uint32_t field = (uint32_t)__builtin_ctz(left);

		if (!is_selected(&x->engine->spec[field], sample))
			continue;
		if (field == RP_ENGINE_LORA) {
			on_lora(x, sample);
			continue;
		}
		/* The latest timestamp wins; without timestamps the first sample does. */
		if (sample->timestamp_ms <= x->timestamp_ms[field])
			continue;
		x->timestamp_ms[field] = sample->timestamp_ms;
		x->value[field] = sample->value;
		x->found |= 1u << field;
		if (field == RP_ENGINE_CACHE_INFO)
			on_cache_info(x, sample);
	}
}

static void apply_lora(const struct rp_extraction *x, struct rp_endpoint_figures *figures)
{
	figures->lora_active_count = x->figures.lora_active_count;
	figures->lora_waiting_count = x->figures.lora_waiting_count;
	memcpy(figures->lora_active, x->figures.lora_active, sizeof(figures->lora_active));
	memcpy(figures->lora_waiting, x->figures.lora_waiting, sizeof(figures->lora_waiting));
	if (x->has_lora_max)
		figures->lora_max = x->figures.lora_max;
}

/* A figure that the page has not stays, as do all others. @return whether one is missing */
static bool apply_custom(const struct rp_extraction *x, struct rp_endpoint_figures *figures)
{
	bool is_missing = false;

	for (uint32_t i = 0; i < RP_CUSTOM_FIGURES_MAX; i++) {
		uint32_t field = RP_ENGINE_FIELDS + i;

		if ((x->found & 1u << field) == 0) {
			is_missing |= x->engine->spec[field].name.len > 0;
		} else if (!isnan(x->value[field])) {
			figures->custom[i] = x->value[field];
			figures->custom_present |= 1u << i;
		}
	}
	return is_missing;
}

bool rp_extraction_apply(const struct rp_extraction *extraction, int64_t now_ns,
			 struct rp_endpoint_figures *figures, bool *ret_has_error)
{
	const struct rp_extraction *x = extraction;
	bool has_error = x->has_error || x->is_lora_max_bad;

	for (uint32_t field = 0; field < RP_ENGINE_FIELDS; field++) {
		if ((x->found & 1u << field) == 0) {
			/* An engine without adapters has no such family: not an error. */
			if (x->engine->spec[field].name.len > 0 && field != RP_ENGINE_LORA)
				has_error = true;
			continue;
		}
		switch ((enum rp_engine_field)field) {
		case RP_ENGINE_QUEUED:
			figures->waiting = to_i32(x->value[field], figures->waiting);
			break;
		case RP_ENGINE_RUNNING:
			figures->running = to_i32(x->value[field], figures->running);
			break;
		case RP_ENGINE_KV_USAGE:
			/* Not clamped; only NaN must not reach a score. */
			if (!isnan(x->value[field]))
				figures->kv_usage = x->value[field];
			break;
		case RP_ENGINE_LORA:
			apply_lora(x, figures);
			break;
		case RP_ENGINE_CACHE_INFO:
			figures->cache_block_size =
				x->has_block_size ? x->figures.cache_block_size : 0;
			if (x->has_num_blocks)
				figures->cache_num_blocks = x->figures.cache_num_blocks;
			break;
		case RP_ENGINE_BLOCK_SIZE:
			figures->cache_block_size =
				to_i32(x->value[field], figures->cache_block_size);
			break;
		case RP_ENGINE_NUM_BLOCKS:
			figures->cache_num_blocks =
				to_i32(x->value[field], figures->cache_num_blocks);
			break;
		case RP_ENGINE_FIELDS:
			break;
		}
	}
	has_error |= apply_custom(x, figures);
	if (x->found != 0)
		figures->updated_ns = now_ns;
	*ret_has_error = has_error;
	return x->found != 0;
}
