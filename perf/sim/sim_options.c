/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sim/sim_options.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "perf/sim/sim_duration.h"
#include "shm/clock.h"

enum kind {
	KIND_TEXT,
	KIND_U32,
	KIND_U64,
	KIND_DURATION,
	KIND_BOOL,
	KIND_OWN,     /* set_own() knows it */
	KIND_LIST,    /* set_own(), once for each value up to the next flag */
	KIND_IGNORED, /* taken for the sake of start scripts */
};

struct flag {
	const char *name;
	enum kind kind;
	size_t offset;
	uint32_t min;
	uint32_t max;
};

#define AT(member) offsetof(struct rp_sim_options, member)
#define DURATION(flag_name, member)                                                                \
	{                                                                                          \
		flag_name, KIND_DURATION, AT(member), 0, 0                                         \
	}
#define OWN(flag_name)                                                                             \
	{                                                                                          \
		flag_name, KIND_OWN, 0, 0, 0                                                       \
	}
#define LIST(flag_name)                                                                            \
	{                                                                                          \
		flag_name, KIND_LIST, 0, 0, 0                                                      \
	}
#define IGNORED(flag_name)                                                                         \
	{                                                                                          \
		flag_name, KIND_IGNORED, 0, 0, 0                                                   \
	}

static const struct flag flags[] = {
	{"model", KIND_TEXT, AT(model), 0, 0},
	LIST("served-model-name"),
	{"port", KIND_U32, AT(port), 1, 65535},
	OWN("listen"),
	{"data-parallel-size", KIND_U32, AT(data_parallel_size), 1, 8},
	LIST("lora-modules"),
	{"max-loras", KIND_U32, AT(max_loras), 1, RP_SIM_LORAS_MAX},
	{"max-cpu-loras", KIND_U32, AT(max_cpu_loras), 1, UINT32_MAX},
	{"max-num-seqs", KIND_U32, AT(tuning.max_num_seqs), 1, RP_SIM_CONNECTIONS_MAX},
	{"max-waiting-queue-length", KIND_U32, AT(max_waiting), 1, RP_SIM_CONNECTIONS_MAX},
	{"max-model-len", KIND_U32, AT(max_model_len), 1, RP_SIM_MODEL_LEN_MAX},
	{"max-request-body-size-mb", KIND_U32, AT(max_body_mb), 1, RP_SIM_BODY_MB_MAX},
	{"block-size", KIND_U32, AT(block_size), 8, 128},
	{"kv-cache-size", KIND_U32, AT(kv_cache_blocks), 1, UINT32_MAX},
	DURATION("time-to-first-token", tuning.time_to_first_token_ns),
	DURATION("time-to-first-token-std-dev", tuning.time_to_first_token_std_dev_ns),
	DURATION("inter-token-latency", tuning.inter_token_latency_ns),
	DURATION("inter-token-latency-std-dev", tuning.inter_token_latency_std_dev_ns),
	DURATION("prefill-overhead", tuning.prefill_overhead_ns),
	DURATION("prefill-time-per-token", tuning.prefill_time_per_token_ns),
	DURATION("prefill-time-std-dev", tuning.prefill_time_std_dev_ns),
	OWN("time-factor-under-load"),
	OWN("latency-calculator"),
	DURATION("startup-duration", startup_ns),
	OWN("mode"),
	{"seed", KIND_U64, AT(seed), 0, 0},
	OWN("fake-metrics"),
	{"failure-injection-rate", KIND_U32, AT(tuning.failure_rate_percent), 0, 100},
	LIST("failure-types"),
	{"enable-request-id-headers", KIND_BOOL, AT(has_request_id_headers), 0, 0},
	{"legacy-kv-metric", KIND_BOOL, AT(has_legacy_kv_metric), 0, 0},
	{"help", KIND_BOOL, AT(wants_help), 0, 0},
	IGNORED("mm-processor-kwargs"),
	IGNORED("ec-transfer-config"),
	IGNORED("enforce-eager"),
	IGNORED("no-enforce-eager"),
	IGNORED("enable-prefix-caching"),
	IGNORED("no-enable-prefix-caching"),
	IGNORED("tensor-parallel-size"),
	IGNORED("force-dummy-tokenizer"),
	IGNORED("v"),
};

const char *rp_sim_options_help(void)
{
	return "Usage: ringpick-sim --model NAME [flags]\n"
	       "\n"
	       "Simulates a vLLM model server, or many of them in one process.\n"
	       "\n"
	       "Who and where:\n"
	       "  --model NAME                     the base model (or env SIM_MODEL)\n"
	       "  --served-model-name NAME...      names it answers to (default: the model)\n"
	       "  --port N                         listen on all IPv4 addresses (8000)\n"
	       "  --listen ADDRESS:PORT[-PORT]     listen there instead, one endpoint a port, "
	       "each\n"
	       "                                   with its own queue and metrics; repeatable\n"
	       "  --data-parallel-size N           endpoints on N ports from --port on (1)\n"
	       "  --lora-modules JSON...           {\"name\": ..., \"path\": ...} each\n"
	       "  --max-loras N                    adapters running at once (1)\n"
	       "Limits:\n"
	       "  --max-num-seqs N                 requests running at once (5)\n"
	       "  --max-waiting-queue-length N     requests waiting, then 429 (1000)\n"
	       "  --max-model-len N                context window in tokens (1024)\n"
	       "  --max-request-body-size-mb N     1 to 512 (4)\n"
	       "Answers (durations: milliseconds, or \"1.5s\"):\n"
	       "  --mode random|echo               what is said (random)\n"
	       "  --seed N                         makes answers and ids reproducible\n"
	       "  --time-to-first-token D          and --time-to-first-token-std-dev D (0)\n"
	       "  --inter-token-latency D          and --inter-token-latency-std-dev D (0)\n"
	       "  --prefill-overhead D --prefill-time-per-token D --prefill-time-std-dev D (0)\n"
	       "  --latency-calculator NAME        constant, per-token, or by what is set\n"
	       "  --time-factor-under-load X       slower when full, 1 or more (1)\n"
	       "  --startup-duration D             /health/ready says 503 so long (0)\n"
	       "  --failure-injection-rate PERCENT (0), --failure-types NAME... (all)\n"
	       "  --enable-request-id-headers      X-Request-Id is taken over and answered\n"
	       "Metrics:\n"
	       "  --fake-metrics JSON              figures shown instead of the real ones; POST\n"
	       "                                   {\"fake-metrics\": {...}} to /admin/config of "
	       "an\n"
	       "                                   endpoint changes its own at run time\n"
	       "  --kv-cache-size N, --block-size N  shown in cache_config_info (1024, 16)\n"
	       "  --legacy-kv-metric               show vllm:gpu_cache_usage_perc as well\n"
	       "\n"
	       "Environment: POD_NAME, NAMESPACE or POD_NAMESPACE, POD_IP, SIM_MODEL. With "
	       "several\n"
	       "endpoints each is named POD_NAME-<index>.\n";
}

static int refuse(struct rp_diag *diag, const char *flag, const char *why)
{
	return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s: %s", flag, why);
}

static int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (*text == '\0')
		return RP_EFORMAT;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return RP_EFORMAT;
	}
	if (value < min || value > max)
		return RP_EFORMAT;
	*ret_value = value;
	return RP_OK;
}

static int set_listen(struct rp_sim_options *options, const char *value)
{
	struct rp_sim_listen *listen = &options->listens[options->listen_count];
	const char *colon = strrchr(value, ':');
	const char *dash;
	struct rp_bytes host;
	struct in6_addr scratch;
	char first_text[8] = "";
	uint64_t first;
	uint64_t last;

	if (options->listen_count == RP_SIM_NAMES_MAX || colon == NULL)
		return RP_EFORMAT;
	host = rp_bytes(value, (size_t)(colon - value));
	if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
		host = rp_bytes(host.ptr + 1, host.len - 2);
	else if (memchr(value, ':', host.len) != NULL)
		return RP_EFORMAT;
	if (host.len >= sizeof(listen->host))
		return RP_EFORMAT;
	memcpy(listen->host, host.ptr, host.len);
	listen->host[host.len] = '\0';
	if (inet_pton(AF_INET, listen->host, &scratch) != 1 &&
	    inet_pton(AF_INET6, listen->host, &scratch) != 1)
		return RP_EFORMAT;
	dash = strchr(colon, '-');
	if (dash == NULL)
		dash = colon + strlen(colon);
	if ((size_t)(dash - colon - 1) >= sizeof(first_text))
		return RP_EFORMAT;
	memcpy(first_text, colon + 1, (size_t)(dash - colon - 1));
	/* Port 0, where the kernel chooses, cannot begin a range. */
	if (parse_u64(first_text, *dash == '-', 65535, &first) != RP_OK)
		return RP_EFORMAT;
	last = first;
	if (*dash == '-' && parse_u64(dash + 1, first, 65535, &last) != RP_OK)
		return RP_EFORMAT;
	listen->port_first = (uint16_t)first;
	listen->port_last = (uint16_t)last;
	options->listen_count++;
	options->has_listen_flag = true;
	return RP_OK;
}

static bool is_served(const struct rp_sim_options *options, struct rp_bytes name)
{
	bool is_found = options->model != NULL && rp_bytes_equal_str(name, options->model);

	for (uint32_t i = 0; i < options->served_count; i++)
		is_found = is_found || rp_bytes_equal_str(name, options->served[i]);
	return is_found;
}

static char *copy_text(struct rp_bytes text)
{
	return text.len == 0 ? NULL : strndup((const char *)text.ptr, text.len);
}

static int set_module(struct rp_sim_options *options, const char *value, struct rp_diag *diag)
{
	struct rp_bytes name = {0};
	struct rp_bytes path = {0};
	struct rp_bytes base = {0};
	struct rp_bytes key;
	struct rp_sim_json json;
	struct rp_sim_module *grown;
	char *text = strdup(value);
	int err = RP_OK;

	if (text == NULL)
		return RP_ENOMEM;
	rp_sim_json_init(&json, (uint8_t *)text, strlen(text));
	rp_sim_json_enter(&json, RP_SIM_JSON_OBJECT);
	while (rp_sim_json_member(&json, &key)) {
		if (rp_bytes_equal_str(key, "name"))
			name = rp_sim_json_string(&json);
		else if (rp_bytes_equal_str(key, "path"))
			path = rp_sim_json_string(&json);
		else if (rp_bytes_equal_str(key, "base_model_name"))
			base = rp_sim_json_string(&json);
		else
			rp_sim_json_skip(&json);
	}
	if (rp_sim_json_finish(&json) != RP_OK)
		err = refuse(diag, "lora-modules", json.error);
	else if (name.len == 0 || name.len >= RP_MODEL_NAME_MAX)
		err = refuse(diag, "lora-modules", "a module needs a \"name\"");
	else if (options->module_count == RP_SIM_LORAS_MAX)
		err = refuse(diag, "lora-modules", "too many modules");
	else if (base.len > 0 && !is_served(options, base))
		err = refuse(diag, "lora-modules",
			     "base_model_name is not the --model given before it");
	if (err == RP_OK) {
		grown = reallocarray(options->modules, options->module_count + 1, sizeof(*grown));
		if (grown == NULL) {
			err = RP_ENOMEM;
		} else {
			options->modules = grown;
			grown[options->module_count++] = (struct rp_sim_module){
				.name = copy_text(name),
				.path = copy_text(path.len > 0 ? path : name),
			};
		}
	}
	free(text);
	return err;
}

static int set_failure_type(struct rp_sim_options *options, const char *value)
{
	static const char *const names[RP_SIM_FAILURE_COUNT] = {
		[RP_SIM_FAILURE_RATE_LIMIT] = "rate_limit",
		[RP_SIM_FAILURE_INVALID_API_KEY] = "invalid_api_key",
		[RP_SIM_FAILURE_CONTEXT_LENGTH] = "context_length",
		[RP_SIM_FAILURE_SERVER_ERROR] = "server_error",
		[RP_SIM_FAILURE_INVALID_REQUEST] = "invalid_request",
		[RP_SIM_FAILURE_MODEL_NOT_FOUND] = "model_not_found",
	};

	for (uint32_t i = 0; i < RP_SIM_FAILURE_COUNT; i++) {
		if (strcmp(value, names[i]) == 0) {
			options->failure_types |= 1u << i;
			return RP_OK;
		}
	}
	return RP_EFORMAT;
}

static int set_fake(struct rp_sim_options *options, const char *value, struct rp_diag *diag)
{
	struct rp_sim_json json;
	char *text = strdup(value);
	int err;

	if (text == NULL)
		return RP_ENOMEM;
	rp_sim_json_init(&json, (uint8_t *)text, strlen(text));
	rp_sim_fake_read(&options->fake, &json);
	err = rp_sim_json_finish(&json);
	if (err != RP_OK)
		err = refuse(diag, "fake-metrics", json.error);
	options->has_fake = true;
	free(text);
	return err;
}

/* One of the words of a NULL-ended list; its index. */
static int choose(const char *value, const char *const *words, uint32_t *ret_idx)
{
	for (uint32_t i = 0; words[i] != NULL; i++) {
		if (strcmp(value, words[i]) == 0) {
			*ret_idx = i;
			return RP_OK;
		}
	}
	return RP_EFORMAT;
}

static int set_own(struct rp_sim_options *options, const char *name, const char *value,
		   struct rp_diag *diag)
{
	static const char *const modes[] = {"random", "echo", NULL};
	static const char *const calculators[] = {"", "constant", "per-token", NULL};
	uint32_t idx = 0;
	char *end;
	int err = RP_EFORMAT;

	if (strcmp(name, "listen") == 0) {
		err = set_listen(options, value);
	} else if (strcmp(name, "lora-modules") == 0) {
		return set_module(options, value, diag);
	} else if (strcmp(name, "fake-metrics") == 0) {
		return set_fake(options, value, diag);
	} else if (strcmp(name, "failure-types") == 0) {
		err = set_failure_type(options, value);
	} else if (strcmp(name, "mode") == 0) {
		err = choose(value, modes, &idx);
		options->mode = (enum rp_sim_mode)idx;
	} else if (strcmp(name, "latency-calculator") == 0) {
		err = choose(value, calculators, &idx);
		options->tuning.calculator = (enum rp_sim_calculator)idx;
	} else if (strcmp(name, "time-factor-under-load") == 0) {
		options->tuning.time_factor_under_load = strtod(value, &end);
		if (end != value && *end == '\0')
			err = RP_OK;
	} else if (strcmp(name, "served-model-name") == 0) {
		if (*value != '\0' && strlen(value) < RP_MODEL_NAME_MAX &&
		    options->served_count < RP_SIM_NAMES_MAX) {
			options->served[options->served_count++] = value;
			err = RP_OK;
		}
	}
	if (err == RP_OK)
		return RP_OK;
	return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s: invalid value \"%s\"", name, value);
}

static int set_bool(bool *target, const char *value)
{
	*target = value == NULL || strcmp(value, "true") == 0;
	return *target || strcmp(value, "false") == 0 ? RP_OK : RP_EFORMAT;
}

static int set_flag(struct rp_sim_options *options, const struct flag *flag, const char *value,
		    struct rp_diag *diag)
{
	char *target = (char *)options + flag->offset;
	uint64_t number = 0;
	int err = RP_OK;

	switch (flag->kind) {
	case KIND_TEXT:
		*(const char **)(void *)target = value;
		break;
	case KIND_U32:
		err = parse_u64(value, flag->min, flag->max, &number);
		*(uint32_t *)(void *)target = (uint32_t)number;
		if (err != RP_OK)
			return rp_diag_set(diag, RP_ECONFIG, 0, 0,
					   "--%s: \"%s\" is not a number from %u to %u", flag->name,
					   value, flag->min, flag->max);
		options->has_port = options->has_port || strcmp(flag->name, "port") == 0;
		break;
	case KIND_U64:
		err = parse_u64(value, 0, UINT64_MAX, (uint64_t *)(void *)target);
		break;
	case KIND_DURATION:
		err = rp_sim_duration_parse(rp_bytes_str(value), (int64_t *)(void *)target);
		break;
	case KIND_BOOL:
		err = set_bool((bool *)target, value);
		break;
	case KIND_OWN:
	case KIND_LIST:
		return set_own(options, flag->name, value, diag);
	case KIND_IGNORED:
		break;
	}
	if (err != RP_OK)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "--%s: invalid value \"%s\"", flag->name,
				   value);
	return RP_OK;
}

static const struct flag *find_flag(const char *arg, const char **ret_value)
{
	const char *equals = strchr(arg, '=');
	size_t bytes = equals == NULL ? strlen(arg) : (size_t)(equals - arg);

	*ret_value = equals == NULL ? NULL : equals + 1;
	for (size_t i = 0; i < RP_ARRAY_LEN(flags); i++)
		if (strlen(flags[i].name) == bytes && memcmp(flags[i].name, arg, bytes) == 0)
			return &flags[i];
	return NULL;
}

static bool is_flag(const char *arg)
{
	return arg[0] == '-' && arg[1] == '-';
}

/* The flag at argv[*at] with its values; *at moves to the last one. */
static int take_flag(struct rp_sim_options *options, int argc, char **argv, int *at,
		     struct rp_diag *diag)
{
	const char *arg = argv[*at];
	const char *value;
	const struct flag *flag;
	int err;

	if (strcmp(arg, "-h") == 0)
		arg = "--help";
	else if (strcmp(arg, "-v") == 0)
		arg = "--v";
	flag = is_flag(arg) ? find_flag(arg + 2, &value) : NULL;
	if (flag == NULL)
		return rp_diag_set(diag, RP_ECONFIG, 0, 0, "unknown %s \"%s\"",
				   arg[0] == '-' ? "flag" : "argument", arg);
	if (value == NULL && flag->kind != KIND_BOOL && *at + 1 < argc && !is_flag(argv[*at + 1]))
		value = argv[++*at];
	if (value == NULL && flag->kind != KIND_BOOL && flag->kind != KIND_IGNORED)
		return refuse(diag, flag->name, "a value is missing");
	err = set_flag(options, flag, value, diag);
	while (err == RP_OK && flag->kind == KIND_LIST && *at + 1 < argc && !is_flag(argv[*at + 1]))
		err = set_flag(options, flag, argv[++*at], diag);
	return err;
}

static int check_std_dev(const char *name, int64_t std_dev, int64_t base, struct rp_diag *diag)
{
	if ((double)std_dev > 0.3 * (double)base)
		return refuse(diag, name, "more than 30 % of what it belongs to");
	return RP_OK;
}

int rp_sim_tuning_check(const struct rp_sim_tuning *tuning, struct rp_diag *diag)
{
	int err =
		check_std_dev("time-to-first-token-std-dev", tuning->time_to_first_token_std_dev_ns,
			      tuning->time_to_first_token_ns, diag);

	if (err == RP_OK)
		err = check_std_dev("inter-token-latency-std-dev",
				    tuning->inter_token_latency_std_dev_ns,
				    tuning->inter_token_latency_ns, diag);
	if (err == RP_OK &&
	    !(tuning->time_factor_under_load >= 1 && tuning->time_factor_under_load <= 1000))
		err = refuse(diag, "time-factor-under-load", "not a number from 1 to 1000");
	return err;
}

/* An option that other options decide, and the places to listen at. */
static int complete(struct rp_sim_options *options, struct rp_diag *diag)
{
	uint32_t port_last = options->port + options->data_parallel_size - 1;
	uint32_t listens = options->listen_count;

	if (options->model == NULL || *options->model == '\0' ||
	    strlen(options->model) >= RP_MODEL_NAME_MAX)
		return refuse(diag, "model", "a name is needed");
	if (options->max_cpu_loras != 0 && options->max_cpu_loras < options->max_loras)
		return refuse(diag, "max-cpu-loras", "less than --max-loras");
	if ((options->block_size & (options->block_size - 1)) != 0)
		return refuse(diag, "block-size", "not one of 8, 16, 32, 64 and 128");
	if (options->served_count == 0)
		options->served[options->served_count++] = options->model;
	if (options->failure_types == 0)
		options->failure_types = (1u << RP_SIM_FAILURE_COUNT) - 1;
	if (listens > 0 && !options->has_port)
		return rp_sim_tuning_check(&options->tuning, diag);
	if (listens == RP_SIM_NAMES_MAX || port_last > 65535)
		return refuse(diag, "port", "no room for another one");
	options->listens[listens] = (struct rp_sim_listen){
		.host = "0.0.0.0",
		.port_first = (uint16_t)options->port,
		.port_last = (uint16_t)port_last,
	};
	options->listen_count++;
	return rp_sim_tuning_check(&options->tuning, diag);
}

int rp_sim_options_parse(int argc, char **argv, struct rp_sim_options *ret_options,
			 struct rp_diag *diag)
{
	struct rp_sim_options *options = ret_options;
	int err = RP_OK;

	*diag = (struct rp_diag){.line = 0};
	memset(options, 0, sizeof(*options));
	options->port = 8000;
	options->data_parallel_size = 1;
	options->max_loras = 1;
	options->max_waiting = 1000;
	options->max_model_len = 1024;
	options->max_body_mb = 4;
	options->block_size = 16;
	options->kv_cache_blocks = 1024;
	options->seed = (uint64_t)rp_clock_wall_ns();
	options->tuning.max_num_seqs = 5;
	options->tuning.time_factor_under_load = 1;
	options->model = getenv("SIM_MODEL");
	options->pod_name = getenv("POD_NAME");
	options->pod_namespace = getenv("POD_NAMESPACE");
	options->pod_ip = getenv("POD_IP");
	if (options->pod_namespace == NULL)
		options->pod_namespace = getenv("NAMESPACE");
	for (int i = 1; i < argc && err == RP_OK; i++)
		err = take_flag(options, argc, argv, &i, diag);
	if (err != RP_OK || options->wants_help)
		return err;
	return complete(options, diag);
}

void rp_sim_options_fini(struct rp_sim_options *options)
{
	for (uint32_t i = 0; i < options->module_count; i++) {
		free(options->modules[i].name);
		free(options->modules[i].path);
	}
	free(options->modules);
	options->modules = NULL;
	options->module_count = 0;
}
