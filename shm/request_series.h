/* SPDX-License-Identifier: Apache-2.0
 *
 * Request metrics by (model_name, target_model_name, fairness_id, priority): one table a worker,
 * keys interned, at most --max-metric-series of them; what comes later is counted under "other".
 */
#ifndef RP_SHM_REQUEST_SERIES_H
#define RP_SHM_REQUEST_SERIES_H

#include "shm/bytes.h"
#include "shm/counters.h"

/* id, canonical name, bucket set, help */
#define RP_SERIES_HISTOGRAMS(X)                                                                    \
	X(DURATION, "llm_d_epp_request_duration_seconds", LAT,                                     \
	  "[ALPHA] Inference request latency in seconds.")                                         \
	X(REQUEST_SIZE, "llm_d_epp_request_size_bytes", SIZE,                                      \
	  "[ALPHA] Request body size in bytes.")                                                   \
	X(RESPONSE_SIZE, "llm_d_epp_response_size_bytes", RESP,                                    \
	  "[ALPHA] Response body size in bytes.")                                                  \
	X(INPUT_TOKENS, "llm_d_epp_request_input_tokens", TOK,                                     \
	  "[ALPHA] Prompt tokens of a request.")                                                   \
	X(OUTPUT_TOKENS, "llm_d_epp_request_output_tokens", OUT,                                   \
	  "[ALPHA] Completion tokens of a request.")                                               \
	X(CACHED_TOKENS, "llm_d_epp_request_cached_tokens", TOK,                                   \
	  "[ALPHA] Prompt tokens served from the cache.")                                          \
	X(NTPOT, "llm_d_epp_request_ntpot_seconds", NTPOT,                                         \
	  "[ALPHA] Latency divided by output tokens, in seconds.")                                 \
	X(TTFT_JSON, "llm_d_epp_request_ttft_seconds", TTFT,                                       \
	  "[ALPHA] Time to first token in seconds.")                                               \
	X(TTFT_STREAMING, "llm_d_epp_request_ttft_seconds", TTFT, "")                              \
	X(TPOT, "llm_d_epp_request_streaming_tpot_seconds", TPOT,                                  \
	  "[ALPHA] Time per output token of streamed answers in seconds.")                         \
	X(ITL, "llm_d_epp_request_streaming_itl_seconds", ITL,                                     \
	  "[ALPHA] Time between chunks of streamed answers in seconds.")

enum rp_series_histogram {
#define RP_SERIES_ENUM(id, name, set, help) RP_SERIES_##id,
	RP_SERIES_HISTOGRAMS(RP_SERIES_ENUM)
#undef RP_SERIES_ENUM
		RP_SERIES_HISTOGRAM_COUNT
};

/* Values of the error_code label (operations reference 7.1). */
#define RP_REQUEST_ERRORS(X)                                                                       \
	X(UNKNOWN, "Unknown")                                                                      \
	X(BAD_REQUEST, "BadRequest")                                                               \
	X(UNAUTHORIZED, "Unauthorized")                                                            \
	X(FORBIDDEN, "Forbidden")                                                                  \
	X(NOT_FOUND, "NotFound")                                                                   \
	X(PRECONDITION_FAILED, "PreconditionFailed")                                               \
	X(INTERNAL, "Internal")                                                                    \
	X(SERVICE_UNAVAILABLE, "ServiceUnavailable")                                               \
	X(MODEL_SERVER_ERROR, "ModelServerError")                                                  \
	X(RESOURCE_EXHAUSTED, "ResourceExhausted")                                                 \
	X(PAYLOAD_TOO_LARGE, "PayloadTooLarge")

enum rp_request_error {
#define RP_REQUEST_ERROR_ENUM(id, text) RP_REQUEST_ERROR_##id,
	RP_REQUEST_ERRORS(RP_REQUEST_ERROR_ENUM)
#undef RP_REQUEST_ERROR_ENUM
		RP_REQUEST_ERROR_COUNT
};

/** "BadRequest", …: the label value, and the code word of error bodies. */
const char *rp_request_error_name(enum rp_request_error error);

struct rp_request_series {
	_Atomic uint64_t key_hash; /* 0: free; set last (release), so that readers see whole keys */
	int32_t priority;
	uint16_t model_len;
	uint16_t target_len;
	uint16_t fairness_len;
	uint16_t reserved[3];
	char model[RP_METRIC_LABEL_MAX];
	char target[RP_METRIC_LABEL_MAX];
	char fairness[RP_METRIC_LABEL_MAX];
	_Atomic uint64_t requests; /* request_total */
	_Atomic uint64_t running;  /* request_running, a gauge */
	_Atomic uint64_t errors[RP_REQUEST_ERROR_COUNT];
	struct rp_histogram histogram[RP_SERIES_HISTOGRAM_COUNT];
};

/* Cells of the owner's hash index over the series: at most half of them are used. */
enum { RP_REQUEST_SERIES_CELLS = 2 * RP_METRIC_SERIES_MAX };

struct rp_request_series_table {
	_Atomic uint32_t
		count; /* series[1] to series[count] are interned; their key_hash may be 0 yet */
	uint32_t reserved[15];
	uint16_t cell[RP_REQUEST_SERIES_CELLS]; /* owner only: index into series, 0: free */
	struct rp_request_series series[RP_METRIC_SERIES_MAX]; /* series[0] is "other" */
};

/**
 * The series of these labels, made if new; "other" when series_max are in use. Never NULL. Owner
 * only. Labels longer than RP_METRIC_LABEL_MAX are cut.
 */
struct rp_request_series *rp_request_series_get(struct rp_request_series_table *table,
						uint32_t series_max, struct rp_bytes model,
						struct rp_bytes target, struct rp_bytes fairness,
						int32_t priority);

/** Count one observation. Owner only. */
void rp_request_series_observe(struct rp_request_series *series, enum rp_series_histogram which,
			       double value);

/** Zero the gauges a dead worker left. */
void rp_request_series_reset_gauges(struct rp_request_series_table *table);

#endif /* RP_SHM_REQUEST_SERIES_H */
