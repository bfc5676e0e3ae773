/* SPDX-License-Identifier: Apache-2.0
 *
 * From the parameters of the plugins that run in control to what control keeps of them.
 */
#include <stdio.h>

#include "config/control_params.h"
#include "config/param_decode.h"

/* Copy a string parameter into a fixed field. */
static int copy_str(const struct rp_param_reader *reader, const char *field,
		    struct rp_config_str str, char *out, size_t out_bytes)
{
	if (str.len >= out_bytes)
		return rp_param_fail(reader, field, "%s has at most %zu bytes", field,
				     out_bytes - 1);
	rp_bytes_to_str(rp_param_str(reader, str), out, out_bytes);
	return RP_OK;
}

static bool is_path_safe(struct rp_bytes path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (path.ptr[i] <= ' ' || path.ptr[i] == 0x7f)
			return false;
	}
	return true;
}

/* The https settings are checked in form; the scheme itself is refused at the end of the pipeline.
 */
int rp_params_check_metrics_source(const struct rp_param_reader *reader)
{
	const struct rp_params_metrics_data_source *params = reader->params;
	struct rp_config_control *control = reader->control;
	struct rp_bytes path = rp_param_str(reader, params->path);
	bool has_slash = path.len > 0 && path.ptr[0] == '/';

	if (!is_path_safe(path))
		return rp_param_fail(reader, "path", "path must contain no blanks, got '%.*s'",
				     RP_SHOW(path));
	if (path.len + !has_slash >= sizeof(control->scrape_path))
		return rp_param_fail(reader, "path", "path has at most %zu bytes",
				     sizeof(control->scrape_path) - 2);
	rp_bytes_to_str(RP_BYTES_LIT("http"), control->scrape_scheme,
			sizeof(control->scrape_scheme));
	control->scrape_port = (uint16_t)params->port;
	control->scrape_interval_ns = params->interval_ns;
	snprintf(control->scrape_path, sizeof(control->scrape_path), "%s%.*s", has_slash ? "" : "/",
		 (int)path.len, (const char *)path.ptr);
	return RP_OK;
}

int rp_params_check_file_discovery(const struct rp_param_reader *reader)
{
	const struct rp_params_file_discovery *params = reader->params;

	reader->control->has_discovery_watch = params->watch_file;
	return copy_str(reader, "path", params->path, reader->control->discovery_path,
			sizeof(reader->control->discovery_path));
}
