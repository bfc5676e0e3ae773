/* SPDX-License-Identifier: Apache-2.0 */
#include "config/compiled.h"

#include "config/plugin_params.h"

/* Bytes of each set of parameters. */
enum {
	BYTES_NONE = 0,
#define RP_PARAM_SET(id, name)	       BYTES_##id = sizeof(struct rp_params_##name),
#define RP_PARAM_SET_CONTROL(id, name) BYTES_##id = 0,
#include "config/params.def"
};

#define RP_PARAM_SET(id, name)                                                                     \
	static_assert(sizeof(struct rp_params_##name) % 8 == 0, "no padding at the end "           \
								"of " #name);
#include "config/params.def"

static const uint32_t params_bytes[RP_PLUGIN_TYPE_COUNT] = {
#define RP_PLUGIN(id, type, kinds, stability, state, params, text)                                 \
	[RP_PLUGIN_##id] = BYTES_##params,
#include "config/plugins.def"
#undef RP_PLUGIN
};

/* count records of `size` bytes at offset lie, 8-aligned, inside the blob and behind its head. */
static bool is_inside(const struct rp_config_blob *blob, uint32_t offset, uint32_t count,
		      size_t size)
{
	return count == 0 || (offset % 8 == 0 && offset >= sizeof(*blob) && offset <= blob->bytes &&
			      (uint64_t)count * size <= blob->bytes - offset);
}

static bool is_str_inside(const struct rp_config_blob *blob, struct rp_config_str str)
{
	return str.offset <= blob->pool_bytes && str.len <= blob->pool_bytes - str.offset;
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

static const void *at(const struct rp_config_blob *blob, uint32_t offset, uint32_t i, size_t size)
{
	return (const uint8_t *)blob + offset + i * size;
}

static bool is_list_good(const struct rp_config_blob *blob, uint32_t offset, uint32_t count)
{
	if (!is_inside(blob, offset, count, sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (*(const uint32_t *)at(blob, offset, i, sizeof(uint32_t)) >= blob->plugin_count)
			return false;
	}
	return true;
}

static bool are_indices_good(const struct rp_config_blob *blob)
{
	return is_list_good(blob, blob->parsers_offset, blob->parser_count) &&
	       is_list_good(blob, blob->producers_offset, blob->producer_count) &&
	       blob->profile_handler < blob->plugin_count &&
	       (blob->detector < blob->plugin_count || blob->detector == RP_CONFIG_NONE);
}

static bool are_headers_good(const struct rp_config_blob *blob)
{
	struct rp_config_array headers =
		rp_config_blob_list(blob, blob->headers, sizeof(struct rp_config_str));
	const struct rp_config_str *header = headers.ptr;

	if (headers.count != blob->headers.count)
		return false;
	for (uint32_t i = 0; i < headers.count; i++) {
		if (!is_str_inside(blob, header[i]))
			return false;
	}
	return true;
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
	    !is_inside(blob, blob->pool_offset, blob->pool_bytes, 1))
		return RP_EFORMAT;
	if (!are_plugins_good(blob) || !are_profiles_good(blob) || !are_indices_good(blob) ||
	    !are_headers_good(blob))
		return RP_EFORMAT;
	return RP_OK;
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

static uint32_t index_at(const struct rp_config_blob *blob, uint32_t offset, uint32_t count,
			 uint32_t i)
{
	RP_DEBUG_ASSERT(i < count);
	(void)count;
	return *(const uint32_t *)at(blob, offset, i, sizeof(uint32_t));
}

uint32_t rp_config_blob_parser(const struct rp_config_blob *blob, uint32_t i)
{
	return index_at(blob, blob->parsers_offset, blob->parser_count, i);
}

uint32_t rp_config_blob_producer(const struct rp_config_blob *blob, uint32_t i)
{
	return index_at(blob, blob->producers_offset, blob->producer_count, i);
}

const void *rp_config_blob_params(const struct rp_config_blob *blob,
				  const struct rp_config_plugin *plugin)
{
	return plugin->params_bytes == 0 ? NULL : (const uint8_t *)blob + plugin->params_offset;
}

struct rp_bytes rp_config_blob_str(const struct rp_config_blob *blob, struct rp_config_str str)
{
	uint32_t offset = str.offset <= blob->pool_bytes ? str.offset : blob->pool_bytes;

	return rp_bytes((const uint8_t *)blob + blob->pool_offset + offset,
			rp_min_size(str.len, blob->pool_bytes - offset));
}

struct rp_config_array rp_config_blob_list(const struct rp_config_blob *blob,
					   struct rp_config_list list, size_t element_bytes)
{
	struct rp_config_array array = {NULL, 0};

	if (list.offset % 8 != 0 || list.offset > blob->pool_bytes)
		return array;
	array.ptr = (const uint8_t *)blob + blob->pool_offset + list.offset;
	array.count =
		(uint32_t)rp_min_size(list.count, (blob->pool_bytes - list.offset) / element_bytes);
	return array;
}

uint32_t rp_config_plugin_stat(const struct rp_config_plugin *plugin, enum rp_extension_point point)
{
	uint32_t bit = 1u << (unsigned)point;

	if ((plugin->stat_points & bit) == 0)
		return RP_CONFIG_NONE;
	return plugin->stat_first + (uint32_t)__builtin_popcount(plugin->stat_points & (bit - 1));
}

uint32_t rp_config_params_bytes(enum rp_plugin_type type)
{
	return (uint32_t)type < RP_PLUGIN_TYPE_COUNT ? params_bytes[type] : 0;
}

const char *rp_plugin_type_name(enum rp_plugin_type type)
{
	static const char *const names[] = {
#define RP_PLUGIN(id, name, kinds, stability, state, params, text) [RP_PLUGIN_##id] = name,
#include "config/plugins.def"
#undef RP_PLUGIN
	};

	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return names[type];
}

enum rp_plugin_state rp_plugin_type_state(enum rp_plugin_type type)
{
	static const uint8_t states[] = {
#define RP_PLUGIN(id, name, kinds, stability, state, params, text)                                 \
	[RP_PLUGIN_##id] = RP_STATE_##state,
#include "config/plugins.def"
#undef RP_PLUGIN
	};

	RP_ASSERT((uint32_t)type < RP_PLUGIN_TYPE_COUNT);
	return (enum rp_plugin_state)states[type];
}
