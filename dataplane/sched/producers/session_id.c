/* SPDX-License-Identifier: Apache-2.0
 *
 * session-id-producer: the id of the request's session, from a header or a cookie (scheduling
 * reference 3.7).
 */
#include "dataplane/sched/sched_plugin.h"

/* The value of the first cookie of that name. */
static struct rp_bytes find_cookie(struct rp_bytes cookies, struct rp_bytes name)
{
	while (cookies.len > 0) {
		size_t end = rp_min_size(rp_bytes_find(cookies, RP_BYTES_LIT(";")), cookies.len);
		struct rp_bytes pair = rp_bytes_trim(rp_bytes_slice(cookies, 0, end));
		size_t equals = rp_bytes_find(pair, RP_BYTES_LIT("="));

		if (equals != SIZE_MAX && rp_bytes_equal(rp_bytes_slice(pair, 0, equals), name))
			return rp_bytes_slice(pair, equals + 1, pair.len);
		cookies = rp_bytes_slice(cookies, end + 1, cookies.len);
	}
	return cookies;
}

static int produce(const struct rp_call *call)
{
	const struct rp_params_session_id_producer *params = call->params;
	const struct rp_cycle *cycle = call->cycle;
	struct rp_bytes header = rp_config_blob_str(cycle->config, params->header_name);
	struct rp_bytes cookie = rp_config_blob_str(cycle->config, params->cookie_name);
	struct rp_bytes id;

	if (header.len > 0)
		id = rp_cycle_header(cycle, header);
	else
		id = find_cookie(rp_cycle_header(cycle, RP_BYTES_LIT("cookie")), cookie);
	call->data->text = rp_bytes_trim(id);
	return RP_OK;
}

const struct rp_plugin_ops rp_session_id_producer = {.produce = produce};
