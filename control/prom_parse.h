/* SPDX-License-Identifier: Apache-2.0
 *
 * Scanner for the Prometheus text format 0.0.4, fed in pieces of any size. Only samples of wanted
 * families are decoded; every other line costs one search for its end and a compare of a few bytes.
 *
 * Rules of the reference parser that are kept: a family without a TYPE line is untyped, and
 * untyped, histogram and summary families read as 0; `_bucket`, `_sum` and `_count` belong to a
 * family TYPEd histogram or summary; samples come in document order; a last line without LF rejects
 * the page. What it rejects otherwise (bad lines, unknown types, exemplars) is skipped here line by
 * line: a page stays usable when a server adds something new to it.
 */
#ifndef RP_CONTROL_PROM_PARSE_H
#define RP_CONTROL_PROM_PARSE_H

#include "shm/bytes.h"
#include "shm/limits.h"

/* Wanted family names with a dispatch by the byte after their common prefix. */
struct rp_prom_names {
	struct rp_bytes name[RP_PROM_NAMES_MAX]; /* borrowed */
	uint32_t count;
	uint32_t prefix_len;   /* of the common prefix; shorter than every name */
	uint64_t head;	       /* the prefix's first bytes, up to 8, as they lie in memory */
	uint64_t head_mask;    /* the bits of them */
	uint64_t by_byte[256]; /* bit i: name i may follow */
};

/**
 * Add a name; its text must outlive *names. Call rp_prom_names_seal() after the last one.
 * @param[out] ret_family  index of the name; the same for a name added before
 * @return RP_OK; RP_ETOOBIG: RP_PROM_NAMES_MAX are there already
 */
RP_MUST_CHECK int rp_prom_names_add(struct rp_prom_names *names, struct rp_bytes name,
				    uint32_t *ret_family);
void rp_prom_names_seal(struct rp_prom_names *names);

struct rp_prom_label {
	struct rp_bytes name;
	struct rp_bytes value; /* escapes resolved */
};

struct rp_prom_sample {
	uint32_t family; /* index from rp_prom_names_add() */
	uint32_t label_count;
	const struct rp_prom_label *label;
	double value;	      /* 0 unless the family is a counter or a gauge */
	int64_t timestamp_ms; /* 0: none given */
};

/** The sample and what it points to live until the function returns. */
typedef void (*rp_prom_on_sample)(void *user, const struct rp_prom_sample *sample);

enum rp_prom_type {
	RP_PROM_UNTYPED,
	RP_PROM_COUNTER,
	RP_PROM_GAUGE,
	RP_PROM_HISTOGRAM,
	RP_PROM_SUMMARY,
};

struct rp_prom_parse {
	const struct rp_prom_names *names;
	rp_prom_on_sample on_sample;
	void *user;
	uint64_t has_type;    /* bit i: family i had a TYPE line */
	uint64_t has_samples; /* bit i: family i had a sample: its type is settled */
	uint64_t is_part;     /* bit i: name i is `_sum` or the like of a histogram or summary */
	uint8_t type[RP_PROM_NAMES_MAX]; /* enum rp_prom_type */
	uint32_t bad_lines;		 /* lines of wanted families that were skipped */
	bool is_skipping;		 /* in a line above RP_PROM_LINE_BYTES_MAX */
	uint8_t *carry; /* begin of a line whose end is still to come; kept from page to page */
	size_t carry_bytes;
	size_t carry_room;
};

void rp_prom_parse_init(struct rp_prom_parse *parse);
void rp_prom_parse_fini(struct rp_prom_parse *parse);

/** Start a new page. Keeps a carry buffer of ordinary size, so that scraping does not allocate. */
void rp_prom_parse_begin(struct rp_prom_parse *parse, const struct rp_prom_names *names,
			 rp_prom_on_sample on_sample, void *user);

/**
 * Feed the next piece of the page.
 * @return RP_OK; RP_ENOMEM
 */
RP_MUST_CHECK int rp_prom_parse_feed(struct rp_prom_parse *parse, struct rp_bytes piece);

/**
 * The page is over.
 * @return RP_OK; RP_EFORMAT: it ends inside a line
 */
RP_MUST_CHECK int rp_prom_parse_end(struct rp_prom_parse *parse);

/**
 * Read a sample value as Go's strconv.ParseFloat does, hexadecimal and `_` excluded.
 * @return RP_OK; RP_EFORMAT: malformed, or out of a double's range
 */
RP_MUST_CHECK int rp_prom_parse_value(struct rp_bytes text, double *ret_value);

#endif /* RP_CONTROL_PROM_PARSE_H */
