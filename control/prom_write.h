/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes the Prometheus text format, version 0.0.4, into one growing buffer that is used again for
 * the next page. A family's HELP and TYPE lines are written with its first sample, so that a family
 * without samples leaves no trace; samples of a family must be written together.
 *
 * Errors stick: after one nothing more is written, and the caller looks once at the end.
 */
#ifndef RP_CONTROL_PROM_WRITE_H
#define RP_CONTROL_PROM_WRITE_H

#include "shm/bytes.h"
#include "shm/counters.h"

enum { RP_PROM_FLOAT_MAX = 32, RP_PROM_BOUND_MAX = 24 };

struct rp_prom_family {
	const char *name;
	const char *type; /* "counter", "gauge" or "histogram" */
	const char *help; /* never empty */
};

struct rp_metric_label {
	const char *name; /* NULL: value is label text as it stands, such as code="OK" */
	struct rp_bytes value;
};

/* Label names and values of one sample; borrowed for the call. */
struct rp_metric_labels {
	const struct rp_metric_label *label;
	size_t count;
};

#define RP_METRIC_NO_LABELS	((struct rp_metric_labels){NULL, 0})
#define RP_METRIC_LABELS(array) ((struct rp_metric_labels){(array), RP_ARRAY_LEN(array)})

/* Histograms of several workers added up. */
struct rp_histogram_total {
	double sum;
	uint64_t count; /* of all buckets, so that +Inf and _count agree while workers go on */
	uint64_t bucket[RP_HISTOGRAM_BUCKETS_MAX]; /* not cumulative */
};

struct rp_prom {
	char *data; /* owned */
	size_t len;
	size_t capacity;
	size_t bytes_max;
	int err; /* RP_OK, RP_ENOMEM or RP_ETOOBIG */
	struct rp_prom_family family;
	bool has_header; /* of the family */
	/* Bounds as text by bucket set, made at first use: they are most of what a page is. */
	char bound[RP_BUCKETS_RESPONSE_PROCESSING + 1][RP_HISTOGRAM_BUCKETS_MAX][RP_PROM_BOUND_MAX];
};

/** @param bytes_max  a page that would be longer ends with RP_ETOOBIG */
void rp_prom_init(struct rp_prom *prom, size_t bytes_max);
void rp_prom_fini(struct rp_prom *prom);
/** Start a new page; the memory stays. */
void rp_prom_reset(struct rp_prom *prom);

/** Begin a family; texts are borrowed until the next one. The name of the current one changes
 * nothing.
 */
void rp_prom_family(struct rp_prom *prom, const char *name, const char *type, const char *help);

void rp_prom_u64(struct rp_prom *prom, struct rp_metric_labels labels, uint64_t value);
void rp_prom_double(struct rp_prom *prom, struct rp_metric_labels labels, double value);
/** Cumulative buckets with `le`, +Inf, _sum and _count. */
void rp_prom_histogram(struct rp_prom *prom, struct rp_metric_labels labels, enum rp_bucket_set set,
		       const struct rp_histogram_total *total);

/** Add what a worker counted. */
void rp_histogram_total_add(struct rp_histogram_total *total, const struct rp_histogram *histogram,
			    enum rp_bucket_set set);

/**
 * The shortest decimal that reads back as the same double, as Go's strconv.FormatFloat(v, 'g', -1,
 * 64) writes it: with an exponent below 1e-04 and from 1e+06 on, of two digits at least; "+Inf",
 * "NaN".
 */
size_t rp_prom_format_float(double value, char out[RP_PROM_FLOAT_MAX]);

/**
 * Make bytes fit for a label value: what is not UTF-8, and NUL, becomes '?'. In place, same length.
 * Do it before labels are compared, or two series could look the same.
 */
void rp_prom_clean(char *text, size_t len);

#endif /* RP_CONTROL_PROM_WRITE_H */
