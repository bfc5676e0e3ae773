/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the parameters that tell sessions apart.
 */
#include "config/param_decode.h"

/* Without any, the header x-session-id. */
static int add_default_source(const struct rp_param_reader *reader)
{
	struct rp_params_session_affinity *params = reader->params;
	struct rp_session_source *source =
		rp_param_put_list(reader, 1, sizeof(*source), &params->sources);

	if (source == NULL)
		return RP_ETOOBIG;
	source->producer = RP_CONFIG_NONE;
	return rp_param_put_str(reader, RP_BYTES_LIT("x-session-id"), &source->header);
}

static int check_sources(const struct rp_param_reader *reader)
{
	const struct rp_params_session_affinity *params = reader->params;
	const struct rp_session_source *source =
		rp_pool_list(&reader->model->pool, params->sources);

	for (uint32_t i = 0; i < params->sources.count; i++) {
		if ((source[i].header.len == 0) == (source[i].attribute.len == 0))
			return rp_decode_fail(
				reader->model->diag,
				rp_param_element(rp_param_node(reader, "sessionIdConfig.sources"),
						 i),
				"sources[%u]: exactly one of header or attribute must be set", i);
	}
	return RP_OK;
}

int rp_params_check_session_affinity(const struct rp_param_reader *reader)
{
	const struct rp_params_session_affinity *params = reader->params;
	int r = params->sources.count == 0 ? add_default_source(reader) : RP_OK;

	/* Only what the strategy needs is looked at. */
	if (r != RP_OK || params->strategy != RP_SESSION_ID)
		return r;
	if (params->eviction_ttl_ns <= 0)
		return rp_param_fail(reader, "sessionIdConfig.evictionTtlSeconds",
				     "evictionTtlSeconds must be above 0");
	if (params->eviction_sweep_ns <= 0)
		return rp_param_fail(reader, "sessionIdConfig.evictionSweepSeconds",
				     "evictionSweepSeconds must be above 0");
	return check_sources(reader);
}

int rp_params_check_session_id(const struct rp_param_reader *reader)
{
	struct rp_params_session_id_producer *params = reader->params;
	struct rp_bytes cookie = rp_param_str(reader, params->cookie_name);
	struct rp_bytes name = rp_bytes_trim(cookie);

	params->cookie_name.offset += (uint32_t)(name.ptr - cookie.ptr);
	params->cookie_name.len = (uint32_t)name.len;
	if ((params->header_name.len == 0) == (params->cookie_name.len == 0))
		return rp_param_fail(reader, "",
				     "'session-id-producer' requires exactly one of headerName or "
				     "cookieName to be set%s",
				     params->header_name.len == 0 ? "" : ", not both");
	return RP_OK;
}

/* The built-in headers come behind the configured ones. */
int rp_params_check_agent_identity(const struct rp_param_reader *reader)
{
	static const char *const built_in[] = {
		"x-claude-code-session-id",
		"x-session-affinity",
		"session-id",
		"session_id",
	};
	struct rp_params_agent_identity *params = reader->params;
	struct rp_config_list given = params->headers;
	struct rp_config_str *all =
		rp_param_put_list(reader, given.count + (uint32_t)RP_ARRAY_LEN(built_in),
				  sizeof(*all), &params->headers);
	int r = RP_OK;

	if (all == NULL)
		return RP_ETOOBIG;
	if (given.count > 0)
		memcpy(all, rp_pool_list(&reader->model->pool, given), given.count * sizeof(*all));
	for (size_t i = 0; i < RP_ARRAY_LEN(built_in) && r == RP_OK; i++)
		r = rp_param_put_str(reader, rp_bytes_str(built_in[i]), &all[given.count + i]);
	return r;
}
