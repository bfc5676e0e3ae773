/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: what every endpoint of the process is like, and where they listen.
 */
#ifndef RP_PERF_SIM_OPTIONS_H
#define RP_PERF_SIM_OPTIONS_H

#include "perf/sim/sim_fake.h"
#include "shm/limits.h"

enum rp_sim_mode { RP_SIM_MODE_RANDOM, RP_SIM_MODE_ECHO };

enum rp_sim_calculator {
	RP_SIM_CALCULATOR_DEFAULT,
	RP_SIM_CALCULATOR_CONSTANT,
	RP_SIM_CALCULATOR_PER_TOKEN,
};

/* Injected failures, one bit each. */
enum rp_sim_failure {
	RP_SIM_FAILURE_RATE_LIMIT,
	RP_SIM_FAILURE_INVALID_API_KEY,
	RP_SIM_FAILURE_CONTEXT_LENGTH,
	RP_SIM_FAILURE_SERVER_ERROR,
	RP_SIM_FAILURE_INVALID_REQUEST,
	RP_SIM_FAILURE_MODEL_NOT_FOUND,
	RP_SIM_FAILURE_COUNT,
};

/* What may differ between endpoints later on: /admin/config changes an endpoint's own copy. */
struct rp_sim_tuning {
	int64_t time_to_first_token_ns;
	int64_t time_to_first_token_std_dev_ns;
	int64_t inter_token_latency_ns;
	int64_t inter_token_latency_std_dev_ns;
	int64_t prefill_overhead_ns;
	int64_t prefill_time_per_token_ns;
	int64_t prefill_time_std_dev_ns;
	double time_factor_under_load;
	enum rp_sim_calculator calculator;
	uint32_t max_num_seqs;
	uint32_t failure_rate_percent;
};

struct rp_sim_module {
	char *name;
	char *path; /* as given, else the name */
};

/* One --listen: an address with a run of ports. */
struct rp_sim_listen {
	char host[64]; /* IPv4, or IPv6 without brackets; numeric */
	uint16_t port_first;
	uint16_t port_last;
};

struct rp_sim_options {
	const char *model;
	const char *served[RP_SIM_NAMES_MAX]; /* at least one: the model itself by default */
	uint32_t served_count;
	struct rp_sim_module *modules; /* owned */
	uint32_t module_count;
	struct rp_sim_listen listens[RP_SIM_NAMES_MAX];
	uint32_t listen_count;
	bool has_listen_flag;
	uint32_t port;
	bool has_port;
	uint32_t data_parallel_size;
	uint32_t max_loras;
	uint32_t max_cpu_loras;
	uint32_t max_model_len;
	uint32_t max_waiting;
	uint32_t max_body_mb;
	uint32_t block_size;
	uint32_t kv_cache_blocks;
	int64_t startup_ns;
	enum rp_sim_mode mode;
	uint64_t seed;
	struct rp_sim_tuning tuning;
	uint32_t failure_types; /* bits */
	bool has_fake;
	struct rp_sim_fake fake;
	bool has_request_id_headers;
	bool has_legacy_kv_metric;
	/* From the environment; views of it. */
	const char *pod_name;
	const char *pod_namespace;
	const char *pod_ip;
	bool wants_help;
};

/**
 * Read the command line and the environment.
 *
 * @param argv  borrowed as long as *options is in use
 * @param[out] ret_options  to be given back with rp_sim_options_fini(), also after an error
 * @return RP_OK; RP_ECONFIG with the reason in *diag
 */
RP_MUST_CHECK int rp_sim_options_parse(int argc, char **argv, struct rp_sim_options *ret_options,
				       struct rp_diag *diag);
void rp_sim_options_fini(struct rp_sim_options *options);
/** What --help prints. */
const char *rp_sim_options_help(void);
/** Check the standard deviations and the like of a tuning; RP_OK or RP_ECONFIG. */
RP_MUST_CHECK int rp_sim_tuning_check(const struct rp_sim_tuning *tuning, struct rp_diag *diag);

#endif /* RP_PERF_SIM_OPTIONS_H */
