/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/sched/session_affinity.h"

#include "dataplane/base64.h"
#include "shm/hash.h"

enum {
	IDENTITY_MAX = 2 * RP_ENDPOINT_NAME_MAX, /* "namespace/name" */

	NOTE_ABSENT = 1, /* the session is bound, but not to one of the candidates */
};

static uint64_t hash_identity(const struct rp_endpoint_table *table, uint32_t table_idx)
{
	const struct rp_endpoint *endpoint = &table->endpoint[table_idx];
	uint8_t text[IDENTITY_MAX];
	struct rp_writer writer = rp_writer(text, sizeof(text));

	rp_write_bytes(&writer, rp_endpoint_table_borrow_str(table, endpoint->name_space));
	rp_write_u8(&writer, '/');
	rp_write_bytes(&writer, rp_endpoint_table_borrow_str(table, endpoint->name));
	return rp_hash64_bytes(rp_writer_bytes(&writer));
}

void rp_session_prepare(const struct rp_call *call, uint32_t table_idx, void *prepared)
{
	uint64_t *hash = prepared;

	*hash = hash_identity(call->cycle->table, table_idx);
}

/* ---- the endpoint's name, brought along by the client ---- */

static struct rp_bytes token_header(const struct rp_call *call)
{
	const struct rp_params_session_affinity *params = call->params;

	return rp_config_blob_str(call->cycle->config, params->encoded_endpoint_header);
}

static uint32_t find_named(const struct rp_call *call, const struct rp_candidates *in)
{
	struct rp_bytes token = rp_cycle_header(call->cycle, token_header(call));
	uint8_t name[IDENTITY_MAX];
	struct rp_writer writer = rp_writer(name, sizeof(name));
	uint64_t hash;

	if (rp_base64_read(&writer, token) != RP_OK || rp_written(&writer) == 0)
		return RP_NO_ENDPOINT;
	hash = rp_hash64_bytes(rp_writer_bytes(&writer));
	for (uint32_t i = 0; i < in->count; i++) {
		if (*RP_PREPARED(call, uint64_t, in->table_idx[i]) == hash)
			return i;
	}
	return RP_NO_ENDPOINT;
}

static void name_to_client(const struct rp_call *call, uint32_t picked)
{
	struct rp_cycle *cycle = call->cycle;
	struct rp_bytes identity = rp_cycle_identity(cycle, picked);
	size_t bytes = rp_base64_bytes(identity.len);
	struct rp_bytes header = rp_arena_copy(cycle->arena, token_header(call));
	uint8_t *text = rp_arena_alloc(cycle->arena, bytes);
	struct rp_writer writer;

	if (identity.len == 0 || header.ptr == NULL || text == NULL)
		return; /* no memory: the session goes on without affinity */
	writer = rp_writer(text, bytes);
	rp_base64_write(&writer, identity);
	rp_followup_set_header(&cycle->followup, header, rp_writer_bytes(&writer));
}

/* ---- the session's id ---- */

static struct rp_bytes read_source(const struct rp_call *call,
				   const struct rp_session_source *source)
{
	const struct rp_cycle *cycle = call->cycle;

	if (source->header.len > 0)
		return rp_bytes_trim(
			rp_cycle_header(cycle, rp_config_blob_str(cycle->config, source->header)));
	return rp_bytes_trim(rp_cycle_data(cycle, source->producer)->text);
}

/* Key of the shared table. The instance is told by its name, which it keeps when the configuration
 * changes around it. @return false: the request has no session */
static bool session_key(const struct rp_call *call, uint64_t *ret_key)
{
	const struct rp_params_session_affinity *params = call->params;
	const struct rp_config_blob *config = call->cycle->config;
	const struct rp_config_plugin *plugin = rp_config_blob_plugin(config, call->plugin);
	struct rp_config_array sources =
		rp_config_blob_list(config, params->sources, sizeof(struct rp_session_source));
	struct rp_bytes id = rp_bytes("", 0);

	for (uint32_t i = 0; i < sources.count && id.len == 0; i++)
		id = read_source(call, &((const struct rp_session_source *)sources.ptr)[i]);
	if (id.len == 0)
		return false;
	*ret_key = XXH64(id.ptr, id.len, rp_hash64_bytes(rp_config_blob_str(config, plugin->name)));
	return true;
}

static uint32_t find_bound(const struct rp_call *call, const struct rp_candidates *in)
{
	const struct rp_params_session_affinity *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	struct rp_keyed_value bound;
	uint64_t key;

	if (!session_key(call, &key) ||
	    !rp_keyed_table_get(&cycle->env->live->keyed, key, cycle->env->now_ns,
				params->eviction_ttl_ns, &bound))
		return RP_NO_ENDPOINT;
	for (uint32_t i = 0; i < in->count; i++) {
		const struct rp_endpoint *endpoint;

		if (in->slot[i] != bound.slot)
			continue;
		endpoint = &cycle->table->endpoint[in->table_idx[i]];
		if (rp_keyed_value_is(bound, endpoint->slot, endpoint->generation))
			return i;
		break;
	}
	call->data->note = NOTE_ABSENT;
	return RP_NO_ENDPOINT;
}

/* A session without a binding is bound to the pick. One that has it keeps it unless its endpoint
 * was away, also where the picker chose another one. */
static void bind(const struct rp_call *call, uint32_t picked)
{
	const struct rp_params_session_affinity *params = call->params;
	const struct rp_env *env = call->cycle->env;
	const struct rp_endpoint *endpoint = &call->cycle->table->endpoint[picked];
	struct rp_keyed_table *table = &call->cycle->env->live->keyed;
	const struct rp_keyed_value value = {endpoint->slot, endpoint->generation};
	struct rp_keyed_value bound;
	uint64_t key;

	if (!session_key(call, &key) ||
	    rp_keyed_table_put_if_unbound(table, key, value, env->now_ns, params->eviction_ttl_ns,
					  &bound))
		return;
	if (rp_keyed_value_is(bound, endpoint->slot, endpoint->generation))
		(void)rp_keyed_table_refresh(table, key, value, env->now_ns);
	else if (call->data->note == NOTE_ABSENT)
		(void)rp_keyed_table_rebind(table, key, bound, value, env->now_ns);
}

/* ---- both ---- */

static bool is_by_id(const struct rp_call *call)
{
	const struct rp_params_session_affinity *params = call->params;

	return params->strategy == RP_SESSION_ID;
}

uint32_t rp_session_find(const struct rp_call *call, const struct rp_candidates *in)
{
	call->data->note = 0;
	return is_by_id(call) ? find_bound(call, in) : find_named(call, in);
}

void rp_session_pre_request(const struct rp_call *call)
{
	const struct rp_params_session_affinity *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	uint32_t profile = params->profile_name.len == 0 ? cycle->primary : params->profile;
	uint32_t picked = RP_NO_ENDPOINT;

	if (profile != RP_CONFIG_NONE)
		picked = rp_cycle_first_pick(cycle, profile);
	if (picked == RP_NO_ENDPOINT)
		return;
	if (is_by_id(call))
		bind(call, picked);
	else
		name_to_client(call, picked);
}
