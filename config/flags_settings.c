/* SPDX-License-Identifier: Apache-2.0 */
#include "config/flags_check.h"
#include "config/machine.h"
#include "config/pool_flags.h"
#include "config/quantity.h"
#include "config/rp_config.h"
#include "config/tls_ciphers.h"
#include "shm/clock.h"
#include "shm/limits.h"

static bool is_one_of(const char *value, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (rp_bytes_equal_nocase(rp_bytes_str(value), rp_bytes_str(words[i])))
			return true;
	}
	return value[0] == '\0';
}

static int check_word(const char *flag, const char *value, const char *const *words, size_t count,
		      struct rp_diag *reterr)
{
	if (is_one_of(value, words, count))
		return RP_OK;
	return rp_diag_set(reterr, RP_EFORMAT, 0, 0, "invalid value \"%.200s\" for --%s", value,
			   flag);
}

/* The zap flags refuse unknown words while parsing: usage and exit 2. */
static int check_zap(const struct rp_flags *flags, struct rp_diag *reterr)
{
	static const char *const levels[] = {"debug", "info", "error", "panic"};
	static const char *const encoders[] = {"json", "console"};
	static const char *const stacks[] = {"info", "error", "panic"};
	static const char *const times[] = {"epoch",   "millis",  "nano",	"nanos",
					    "iso8601", "rfc3339", "rfc3339nano"};
	uint64_t number;
	int r = RP_OK;

	if (rp_bytes_to_u64(rp_bytes_str(flags->zap_log_level), 127, &number) != RP_OK ||
	    number == 0)
		r = check_word("zap-log-level", flags->zap_log_level, levels, RP_ARRAY_LEN(levels),
			       reterr);
	if (r == RP_OK)
		r = check_word("zap-encoder", flags->zap_encoder, encoders, RP_ARRAY_LEN(encoders),
			       reterr);
	if (r == RP_OK)
		r = check_word("zap-stacktrace-level", flags->zap_stacktrace_level, stacks,
			       RP_ARRAY_LEN(stacks), reterr);
	if (r == RP_OK)
		r = check_word("zap-time-encoding", flags->zap_time_encoding, times,
			       RP_ARRAY_LEN(times), reterr);
	return r;
}

static int check_tls(const struct rp_flags *flags, struct rp_diag *reterr)
{
	const char *version = flags->tls_min_version;
	char ciphers[RP_FLAG_VALUE_MAX];

	if (strcmp(version, "VersionTLS10") == 0 || strcmp(version, "VersionTLS11") == 0)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--tls-min-version %s: TLS below 1.2 is insecure and not "
				   "offered; use VersionTLS12 or VersionTLS13",
				   version);
	if (version[0] != '\0' && strcmp(version, "VersionTLS12") != 0 &&
	    strcmp(version, "VersionTLS13") != 0)
		return rp_diag_set(
			reterr, RP_ECONFIG, 0, 0,
			"--tls-min-version: unknown version \"%.100s\"; use VersionTLS12 "
			"or VersionTLS13",
			version);
	return rp_tls_ciphers_map(rp_bytes_str(flags->tls_cipher_suites), ciphers, sizeof(ciphers),
				  reterr);
}

static int check_ports(const struct rp_flags *flags, struct rp_diag *reterr)
{
	const int64_t ports[] = {flags->grpc_port, flags->grpc_health_port, flags->metrics_port};

	for (size_t i = 0; i < RP_ARRAY_LEN(ports); i++) {
		if (ports[i] != 0 && ports[i] == ports[(i + 1) % RP_ARRAY_LEN(ports)])
			return rp_diag_set(
				reterr, RP_ECONFIG, 0, 0,
				"--grpc-port, --grpc-health-port and --metrics-port must "
				"differ");
	}
	return RP_OK;
}

static int check_ours(const struct rp_flags *flags, struct rp_diag *reterr)
{
	static const char *const backends[] = {"auto", "io_uring", "epoll"};
	enum rp_response_processing processing;
	char text[2][32];

	if (flags->io_backend[0] == '\0' ||
	    !is_one_of(flags->io_backend, backends, RP_ARRAY_LEN(backends)))
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--io-backend must be auto, io_uring or epoll, got \"%.100s\"",
				   flags->io_backend);
	if (rp_response_processing_parse(rp_bytes_str(flags->response_processing), &processing) !=
	    RP_OK)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--response-processing must be full or skip, got \"%.100s\"",
				   flags->response_processing);
	if ((uint64_t)flags->prefix_index_bytes < RP_PREFIX_INDEX_BYTES_MIN ||
	    (uint64_t)flags->prefix_index_bytes > RP_PREFIX_INDEX_BYTES_CEILING) {
		rp_size_format((int64_t)RP_PREFIX_INDEX_BYTES_MIN, text[0], sizeof(text[0]));
		rp_size_format((int64_t)RP_PREFIX_INDEX_BYTES_CEILING, text[1], sizeof(text[1]));
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--prefix-index-bytes must be between %s and %s", text[0],
				   text[1]);
	}
	if (flags->max_body_bytes == 0 ||
	    (uint64_t)flags->max_body_bytes > RP_MESSAGE_BYTES_CEILING)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--max-body-bytes must be between 1 and 1Gi");
	return RP_OK;
}

static int check_messages(const struct rp_flags *flags, struct rp_diag *reterr)
{
	if ((uint64_t)flags->grpc_max_recv_msg_size > RP_MESSAGE_BYTES_CEILING)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--grpc-max-recv-msg-size must not exceed 1Gi");
	return RP_OK;
}

int rp_flags_check(const struct rp_flags *flags, struct rp_diag *reterr)
{
	int r = check_zap(flags, reterr);

	if (r == RP_OK && flags->config_file[0] != '\0' && flags->config_text[0] != '\0')
		r = rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				"both the \"config-file\" and \"config-text\" flags cannot be set "
				"at the same time");
	if (r == RP_OK)
		r = check_messages(flags, reterr);
	if (r == RP_OK)
		r = check_tls(flags, reterr);
	if (r == RP_OK)
		r = check_ports(flags, reterr);
	if (r == RP_OK)
		r = rp_pool_flags_check(flags, reterr);
	if (r == RP_OK)
		r = check_ours(flags, reterr);
	return r;
}

int32_t rp_flags_verbosity(const struct rp_flags *flags)
{
	struct rp_bytes level = rp_bytes_str(flags->zap_log_level);
	uint64_t number;

	if (level.len == 0)
		return (int32_t)flags->v;
	if (rp_bytes_to_u64(level, 127, &number) == RP_OK)
		return (int32_t)number;
	if (rp_bytes_equal_nocase(level, RP_BYTES_LIT("debug")))
		return 1;
	return rp_bytes_equal_nocase(level, RP_BYTES_LIT("info")) ? 0 : -1;
}

static uint32_t io_choice(const char *backend)
{
	if (rp_bytes_equal_nocase(rp_bytes_str(backend), RP_BYTES_LIT("io_uring")))
		return RP_IO_URING;
	return rp_bytes_equal_nocase(rp_bytes_str(backend), RP_BYTES_LIT("epoll")) ? RP_IO_EPOLL
										   : RP_IO_AUTO;
}

int rp_flags_to_settings(const struct rp_flags *flags, struct rp_settings *ret_settings,
			 struct rp_diag *reterr)
{
	struct rp_machine machine;

	rp_machine_read("", &machine);
	uint32_t workers = flags->workers != 0 ? (uint32_t)flags->workers : machine.cpus;
	uint64_t body_memory = flags->max_body_memory != 0
				       ? (uint64_t)flags->max_body_memory
				       : machine.memory_bytes / 100 * RP_BODY_MEMORY_PERCENT;

	if (workers > RP_WORKERS_MAX)
		workers = RP_WORKERS_MAX;
	if (body_memory / workers == 0)
		return rp_diag_set(reterr, RP_ECONFIG, 0, 0,
				   "--max-body-memory leaves less than a byte for each worker");
	*ret_settings = (struct rp_settings){
		.worker_count = workers,
		.io_backend = io_choice(flags->io_backend),
		.endpoints_max = (uint32_t)flags->max_endpoints,
		.metric_series_max = (uint32_t)flags->max_metric_series,
		.prefix_index_bytes = (uint64_t)flags->prefix_index_bytes,
		.body_bytes_max = (uint64_t)flags->max_body_bytes,
		.body_memory_bytes = body_memory / workers,
		.recv_message_max = flags->grpc_max_recv_msg_size != 0
					    ? (uint64_t)flags->grpc_max_recv_msg_size
					    : RP_GRPC_RECV_MESSAGE_MAX,
		.send_message_max = (uint64_t)flags->grpc_max_send_msg_size,
		.streams_max = (uint32_t)flags->max_streams,
		.verbosity = rp_flags_verbosity(flags),
		.is_secure = flags->secure_serving,
		.has_grpc_stream_metrics = flags->enable_grpc_stream_metrics,
		.has_header_echo = flags->echo_headers,
		.has_endpoint_scores = flags->emit_endpoint_scores,
		.is_subset_filter_off = flags->disable_endpoint_subset_filter,
		.is_pinned = flags->pin_workers,
		.busy_poll_us = (uint32_t)flags->busy_poll_us,
		.grpc_port = (uint32_t)flags->grpc_port,
		.health_port = (uint32_t)flags->grpc_health_port,
		.metrics_port = (uint32_t)flags->metrics_port,
		.has_huge_pages = flags->huge_pages && machine.has_huge_pages,
		.started_wall_ns = rp_clock_wall_ns(),
	};
	return RP_OK;
}
