/* SPDX-License-Identifier: Apache-2.0 */
#include "config/compiled.h"

#include "config/plugin_params.h"

/* Bytes of each type's parameters; 0 for the types that workers need none of. */
static const uint32_t params_bytes[RP_PLUGIN_TYPE_COUNT] = {
	[RP_PLUGIN_PREFIX_CACHE_SCORER] = sizeof(struct rp_params_prefix_cache_scorer),
	[RP_PLUGIN_APPROX_PREFIX_CACHE_PRODUCER] =
		sizeof(struct rp_params_approx_prefix_cache_producer),
	[RP_PLUGIN_TOKEN_PRODUCER] = sizeof(struct rp_params_token_producer),
	[RP_PLUGIN_MAX_SCORE_PICKER] = sizeof(struct rp_params_picker),
};

/* count records of `size` bytes at offset lie, 8-aligned, inside the blob and behind its head. */
static bool is_inside(const struct rp_config_blob *blob, uint32_t offset, uint32_t count,
		      size_t size)
{
	return offset % 8 == 0 && offset >= sizeof(*blob) && offset <= blob->bytes &&
	       (uint64_t)count * size <= blob->bytes - offset;
}

static bool is_str_inside(const struct rp_config_blob *blob, struct rp_config_str str)
{
	return str.offset <= blob->bytes && str.len <= blob->bytes - str.offset;
}

static bool are_plugins_good(const struct rp_config_blob *blob)
{
	for (uint32_t i = 0; i < blob->plugin_count; i++) {
		const struct rp_config_plugin *plugin = rp_config_blob_plugin(blob, i);

		if (plugin->type >= RP_PLUGIN_TYPE_COUNT || !is_str_inside(blob, plugin->name) ||
		    plugin->params_bytes != params_bytes[plugin->type] ||
		    (plugin->params_bytes != 0 &&
		     !is_inside(blob, plugin->params_offset, 1, plugin->params_bytes)))
			return false;
	}
	for (uint32_t i = 0; i < blob->ref_count; i++) {
		if (rp_config_blob_ref(blob, i)->plugin >= blob->plugin_count)
			return false;
	}
	return true;
}

static bool are_profiles_good(const struct rp_config_blob *blob)
{
	for (uint32_t i = 0; i < blob->profile_count; i++) {
		const struct rp_config_profile *profile = rp_config_blob_profile(blob, i);

		if (!is_str_inside(blob, profile->name) || profile->picker >= blob->plugin_count ||
		    profile->filter_first > blob->ref_count ||
		    profile->filter_count > blob->ref_count - profile->filter_first ||
		    profile->scorer_first > blob->ref_count ||
		    profile->scorer_count > blob->ref_count - profile->scorer_first)
			return false;
	}
	return true;
}

static bool are_indices_good(const struct rp_config_blob *blob)
{
	for (uint32_t i = 0; i < blob->parser_count; i++) {
		if (rp_config_blob_parser(blob, i) >= blob->plugin_count)
			return false;
	}
	for (uint32_t i = 0; i < blob->producer_count; i++) {
		if (rp_config_blob_producer(blob, i) >= blob->plugin_count)
			return false;
	}
	return blob->profile_handler < blob->plugin_count;
}

int rp_config_blob_check(const struct rp_config_blob *blob, size_t bytes)
{
	if (bytes < sizeof(*blob) || blob->magic != RP_CONFIG_MAGIC || blob->bytes > bytes ||
	    blob->bytes < sizeof(*blob))
		return RP_EFORMAT;
	if (!is_inside(blob, blob->plugins_offset, blob->plugin_count,
		       sizeof(struct rp_config_plugin)) ||
	    !is_inside(blob, blob->refs_offset, blob->ref_count, sizeof(struct rp_config_ref)) ||
	    !is_inside(blob, blob->profiles_offset, blob->profile_count,
		       sizeof(struct rp_config_profile)) ||
	    !is_inside(blob, blob->parsers_offset, blob->parser_count, sizeof(uint32_t)) ||
	    !is_inside(blob, blob->producers_offset, blob->producer_count, sizeof(uint32_t)))
		return RP_EFORMAT;
	if (!are_plugins_good(blob) || !are_profiles_good(blob) || !are_indices_good(blob))
		return RP_EFORMAT;
	return RP_OK;
}

static const void *at(const struct rp_config_blob *blob, uint32_t offset, uint32_t i, size_t size)
{
	return (const uint8_t *)blob + offset + i * size;
}

const struct rp_config_plugin *rp_config_blob_plugin(const struct rp_config_blob *blob, uint32_t i)
{
	RP_DEBUG_ASSERT(i < blob->plugin_count);
	return at(blob, blob->plugins_offset, i, sizeof(struct rp_config_plugin));
}

const struct rp_config_ref *rp_config_blob_ref(const struct rp_config_blob *blob, uint32_t i)
{
	RP_DEBUG_ASSERT(i < blob->ref_count);
	return at(blob, blob->refs_offset, i, sizeof(struct rp_config_ref));
}

const struct rp_config_profile *rp_config_blob_profile(const struct rp_config_blob *blob,
						       uint32_t i)
{
	RP_DEBUG_ASSERT(i < blob->profile_count);
	return at(blob, blob->profiles_offset, i, sizeof(struct rp_config_profile));
}

uint32_t rp_config_blob_parser(const struct rp_config_blob *blob, uint32_t i)
{
	RP_DEBUG_ASSERT(i < blob->parser_count);
	return *(const uint32_t *)at(blob, blob->parsers_offset, i, sizeof(uint32_t));
}

uint32_t rp_config_blob_producer(const struct rp_config_blob *blob, uint32_t i)
{
	RP_DEBUG_ASSERT(i < blob->producer_count);
	return *(const uint32_t *)at(blob, blob->producers_offset, i, sizeof(uint32_t));
}

const void *rp_config_blob_params(const struct rp_config_blob *blob,
				  const struct rp_config_plugin *plugin)
{
	return plugin->params_bytes == 0 ? NULL : (const uint8_t *)blob + plugin->params_offset;
}

struct rp_bytes rp_config_blob_str(const struct rp_config_blob *blob, struct rp_config_str str)
{
	return rp_bytes((const uint8_t *)blob + str.offset, str.len);
}

const char *rp_plugin_type_name(enum rp_plugin_type type)
{
	static const char *const names[] = {
#define RP_PLUGIN(id, name, kinds, stability, has_params) [RP_PLUGIN_##id] = name,
#include "config/plugins.def"
#undef RP_PLUGIN
	};

	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return names[type];
}
