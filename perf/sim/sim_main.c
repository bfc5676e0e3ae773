/* SPDX-License-Identifier: Apache-2.0
 *
 * ringpick-sim: simulates vLLM model servers for demos, tests and load measurements.
 */
#include <stdio.h>

#include "perf/sim/sim_server.h"

enum { EXIT_USAGE = 2, SHOWN_PORTS = 16 };

/* Static: too large for a stack frame. */
static struct rp_sim_options options;

/* One line once all endpoints listen; whoever chose port 0 learns the port here. */
static void announce(const struct rp_sim_server *server)
{
	struct rp_sim_buf line = {0};

	RP_SIM_BUF_LIT(&line, "{\"level\":\"info\",\"msg\":\"serving\",\"model\":");
	rp_sim_buf_add_json_str(&line, rp_bytes_str(server->options->model));
	RP_SIM_BUF_LIT(&line, ",\"endpoints\":");
	rp_sim_buf_add_u64(&line, server->endpoint_count);
	RP_SIM_BUF_LIT(&line, ",\"ports\":[");
	for (uint32_t i = 0; i < server->endpoint_count && i < SHOWN_PORTS; i++) {
		if (i > 0)
			RP_SIM_BUF_LIT(&line, ",");
		rp_sim_buf_add_u64(&line, server->endpoints[i].port);
	}
	RP_SIM_BUF_LIT(&line, "]}\n");
	fwrite(line.data, 1, line.len, stdout);
	fflush(stdout);
	rp_sim_buf_fini(&line);
}

int main(int argc, char **argv)
{
	struct rp_sim_server server;
	struct rp_diag diag;
	int status = 0;
	int err = rp_sim_options_parse(argc, argv, &options, &diag);

	if (err != RP_OK) {
		fprintf(stderr, "ringpick-sim: %s\nTry ringpick-sim --help.\n",
			diag.message[0] != '\0' ? diag.message : rp_err_text(err));
		status = EXIT_USAGE;
	} else if (options.wants_help) {
		fputs(rp_sim_options_help(), stdout);
	} else {
		err = rp_sim_server_init(&server, &options, &diag);
		if (err == RP_OK) {
			announce(&server);
			err = rp_sim_server_run(&server);
			if (err != RP_OK)
				fprintf(stderr, "ringpick-sim: %s\n", rp_err_text(err));
		} else {
			fprintf(stderr, "ringpick-sim: %s\n", diag.message);
		}
		rp_sim_server_fini(&server);
		status = err == RP_OK ? 0 : 1;
	}
	rp_sim_options_fini(&options);
	return status;
}
