/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/counters.h"

#include <assert.h>
#include <string.h>

/* Bounds of the operations reference, section 7, literally: 32778 is upstream's. */
static const double lat[] = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8,  1,	 1.25, 1.5, 2,
			     3,	    4,	   5,	 6,   8,   10,	15,  20,   30,	 45,   60,  120,
			     180,   240,   300,	 360, 480, 600, 900, 1200, 1800, 2700, 3600};
static const double size[] = {
	64,	  128,	    256,      512,	 1024,	    2048,      4096,	  8192,	   16384,
	32768,	  65536,    131072,   262144,	 524288,    1048576,   2097152,	  4194304, 8388608,
	16777216, 33554432, 67108864, 134217728, 268435456, 536870912, 1073741824};
/* RESP is TOK without its last four bounds, TTFT is LAT up to 120. */
static const double tok[] = {1,	   8,	 16,	32,    64,    128,    256,    512,    1024,   2048,
			     4096, 8192, 16384, 32778, 65536, 131072, 262144, 524288, 1048576};
static const double out[] = {1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};
static const double fast[] = {0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1};
static const double tpot[] = {0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125,
			      0.15,   0.2,     0.3,   0.4,  0.5,  0.6,	0.8,  1,    2};
static const double itl[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1,
			     0.15,  0.2,   0.3,	 0.5,  0.75, 1,	   2};
static const double ntpot[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};
static const double ratio[] = {0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1};
static const double bytes[] = {0,    16,   32,	 64,   128,   256,   512,
			       1024, 2048, 4096, 8192, 16384, 32768, 65536};
static const double stream[] = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1,
				5,     10,    30,   60,	  120, 300, 600};
static const double request_processing[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.04,
					    0.06,   0.1,   0.25,  0.5,	 1,    2.5,   5,     10};
static const double response_processing[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025,
					     0.005,  0.01,    0.025,  0.05,  0.1,
					     0.25,   0.5,     1,      2.5,   5};

enum { TTFT_COUNT = 24, RESP_COUNT = 15 };
static_assert(RP_ARRAY_LEN(lat) < RP_HISTOGRAM_BUCKETS_MAX, "the longest set and +Inf fit");
static_assert(RP_ARRAY_LEN(size) == 25, "64 doubling to 1073741824");
static_assert(RP_ARRAY_LEN(tok) == RESP_COUNT + 4, "TOK is RESP and four more");

#define BOUNDS(array) ((struct rp_bucket_bounds){(array), (uint32_t)RP_ARRAY_LEN(array)})

struct rp_bucket_bounds rp_bucket_bounds(enum rp_bucket_set set)
{
	switch (set) {
	case RP_BUCKETS_LAT:
		return BOUNDS(lat);
	case RP_BUCKETS_SIZE:
		return BOUNDS(size);
	case RP_BUCKETS_RESP:
		return (struct rp_bucket_bounds){tok, RESP_COUNT};
	case RP_BUCKETS_TOK:
		return BOUNDS(tok);
	case RP_BUCKETS_OUT:
		return BOUNDS(out);
	case RP_BUCKETS_FAST:
		return BOUNDS(fast);
	case RP_BUCKETS_TTFT:
		return (struct rp_bucket_bounds){lat, TTFT_COUNT};
	case RP_BUCKETS_TPOT:
		return BOUNDS(tpot);
	case RP_BUCKETS_ITL:
		return BOUNDS(itl);
	case RP_BUCKETS_NTPOT:
		return BOUNDS(ntpot);
	case RP_BUCKETS_RATIO:
		return BOUNDS(ratio);
	case RP_BUCKETS_BYTES:
		return BOUNDS(bytes);
	case RP_BUCKETS_STREAM:
		return BOUNDS(stream);
	case RP_BUCKETS_REQUEST_PROCESSING:
		return BOUNDS(request_processing);
	case RP_BUCKETS_RESPONSE_PROCESSING:
		return BOUNDS(response_processing);
	}
	RP_ASSERT(!"a bucket set");
	return BOUNDS(lat);
}

void rp_histogram_observe(struct rp_histogram *histogram, enum rp_bucket_set set, double value)
{
	rp_histogram_observe_times(histogram, set, value, 1);
}

void rp_histogram_observe_times(struct rp_histogram *histogram, enum rp_bucket_set set,
				double value, uint64_t times)
{
	struct rp_bucket_bounds bounds = rp_bucket_bounds(set);
	uint64_t bits = atomic_load_explicit(&histogram->sum_bits, memory_order_relaxed);
	uint32_t i = 0;
	double sum;

	/* NaN is below no bound and lands in +Inf, as in Prometheus' client. */
	while (i < bounds.count && !(value <= bounds.bound[i]))
		i++;
	rp_counter_add(&histogram->bucket[i], times);
	memcpy(&sum, &bits, sizeof(sum));
	sum += value * (double)times;
	memcpy(&bits, &sum, sizeof(bits));
	atomic_store_explicit(&histogram->sum_bits, bits, memory_order_relaxed);
	rp_counter_add(&histogram->count, times);
}

const char *rp_extension_point_name(enum rp_extension_point point)
{
	switch (point) {
	case RP_EXT_PROFILE_PICKER:
		return "ProfilePicker";
	case RP_EXT_FILTER:
		return "Filter";
	case RP_EXT_SCORER:
		return "Scorer";
	case RP_EXT_PICKER:
		return "Picker";
	case RP_EXT_PROCESS_RESULTS:
		return "ProcessProfilesResults";
	case RP_EXT_REQUEST_PARSING:
		return "RequestParsing";
	case RP_EXT_DATA_PRODUCER:
		return "DataProducer";
	case RP_EXT_PRE_REQUEST:
		return "PreRequest";
	case RP_EXT_REQUEST_HEADER:
		return "RequestHeader";
	case RP_EXT_SCREENER:
		return "Screener";
	case RP_EXT_ADMISSION:
		return "Admission";
	case RP_EXTENSION_POINTS:
		break;
	}
	return "unknown";
}

void rp_counters_reset_gauges(struct rp_counters *counters)
{
#define RP_COUNTER(id, name, labels, help)
#define RP_GAUGE(id, name, labels, help) rp_gauge_set(&counters->id, 0);
#define RP_HISTOGRAM(id, name, labels, set, help)
#include "shm/counters.def"
#undef RP_COUNTER
#undef RP_GAUGE
#undef RP_HISTOGRAM
}
